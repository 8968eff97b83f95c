"""Compile the core ahead of time: `python -m matcher.core.warm_up`.

The supervisor runs it once before the processes start, so that they only load. Run it at the place
and on the kind of machine where the exchange will run: a compiled core belongs to both.
"""

import sys

from matcher.core.engine import Engine
from matcher.core.kernel.cache import cache_directory
from matcher.core.kernel.values import CHECKED
from matcher.core.state import Capacities


def main() -> int:
    """Compile every entry and say where the result lies."""
    Engine(Capacities(orders=16, accounts=2, instruments=1, price_levels=64)).warm_up()
    sys.stdout.write(f"{cache_directory(checked=CHECKED)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
