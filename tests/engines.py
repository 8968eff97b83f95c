"""The two exchanges that every scenario, vector and generated stream is held against."""

from collections.abc import Callable
from dataclasses import replace

from matcher.core.engine import Engine as Compiled
from matcher.core.state import Capacities
from tests.desk import Engine
from tests.reference import Reference

SMALL = Capacities(
    orders=4_096,
    accounts=64,
    assets=16,
    instruments=8,
    account_orders=1_024,
    price_levels=1 << 22,
    dedupe_capacity=4_096,
    references=1_024,
    lists=1_024,
    iceberg_slices=1 << 16,
)
"""Enough for a test, small enough to be made afresh for each."""


def reference(capacities: Capacities = SMALL) -> Reference:
    """Make an empty slow exchange."""
    return Reference(capacities)


def core(capacities: Capacities = SMALL) -> Compiled:
    """Make an empty compiled one."""
    return Compiled(capacities)


ENGINES: dict[str, Callable[[Capacities], Engine]] = {"reference": reference, "core": core}

FOR_VECTORS = replace(SMALL, price_levels=1 << 28)
"""Vectors with many decimals need high ladders; they are mapped, not touched."""
