"""`make bench`: prints measurements; gates nothing."""

from bench import engine, lives

if __name__ == "__main__":
    engine.run()
    lives.run()
