"""`make bench`: prints measurements; gates nothing."""

from bench import engine

if __name__ == "__main__":
    engine.run()
