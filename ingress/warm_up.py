"""Compile the door's own code into its cache: `python -m ingress.warm_up`, once before the workers start.

Otherwise the first process that imports it does, and takes some seconds longer.
"""

import sys

import ingress.plain_messages  # noqa: F401 - all of it is compiled, or loaded, on import
from ingress.compiled import PLACE


def main() -> int:
    """Say where the result lies."""
    sys.stdout.write(f"{PLACE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
