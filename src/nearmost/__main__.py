"""``python -m nearmost`` is the command ``nearmost``."""

import sys

from nearmost.cli import main

if __name__ == "__main__":
    sys.exit(main())
