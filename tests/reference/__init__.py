"""The slow, obviously right exchange: docs/market-model.md as a program.

Python numbers, dictionaries and lists; no array is kept and nothing is cached that could be looked
up. The compiled core must give the same events, byte for byte, for the same commands. Read it from
`exchange.py` (which command does what) through `trading.py` (how an order trades) outwards.
"""

from tests.reference.exchange import Capacities, Reference

__all__ = ["Capacities", "Reference"]
