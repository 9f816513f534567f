"""`python -m banfa` is the `banfa` command."""

import sys

from banfa.cli import main

if __name__ == "__main__":
    sys.exit(main())
