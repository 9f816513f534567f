"""`make bench`: prints measurements; gates nothing.

`python -m bench office 1000 10000` is a short run of the office alone.
"""

import sys

from bench import engine, lives, office, round, scoring

if __name__ == "__main__":
    parts, sizes = sys.argv[1:2], [int(n) for n in sys.argv[2:]]
    if not parts or parts == ["engine"]:
        engine.run()
        lives.run()
    if not parts or parts == ["scoring"]:
        scoring.run()
    if not parts or parts == ["office"]:
        office.run(sizes or office.SIZES)
    if not parts or parts == ["round"]:
        round.run(*sizes[:1])
