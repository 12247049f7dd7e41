"""`python -m classifier`: the command, where it is not on the path."""

import sys

from classifier.cli import main

if __name__ == "__main__":  # a spawned worker imports this module under another name
    sys.exit(main())
