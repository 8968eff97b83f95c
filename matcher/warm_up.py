"""Compile the core into its cache: `python -m matcher.warm_up`, once before the processes start.

Otherwise the matcher, the journal's replays and the tests would each compile it for themselves at the
same time. With a warm cache it only loads: under a second.
"""

import matcher.core.engine  # noqa: F401 - makes every entry known
from matcher.core.kernel import compile_entries


def main() -> None:
    """Compile every entry of the core, or load it."""
    compile_entries()


if __name__ == "__main__":
    main()
