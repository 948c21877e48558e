"""``python -m mirrord``, and what the installed ``mirrord`` calls."""

import sys

from mirrord.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
