"""Read the words and numbers of a conformance vector (format: `tests/vectors/SCHEMA.md`)."""

from collections import Counter
from decimal import Decimal
from typing import Any


def allowed_names(state: dict[str, Any]) -> set[str]:
    """Return the names of status that are right; empty: nothing is said of it."""
    return {name for name in (state.get("status"), *(state.get("status_ok") or [])) if name}


def totals(fills: list[tuple[str, str, int, int]]) -> Counter[tuple[str, str, int]]:
    """Add up fills per maker, taker and price."""
    found: Counter[tuple[str, str, int]] = Counter()
    for maker, taker, price, qty in fills:
        found[maker, taker, price] += qty
    return found


def numbers_under(found: Any, names: tuple[str, ...]) -> list[str]:
    """Return the text of every number that stands under one of the names, anywhere."""
    if isinstance(found, dict):
        own = [value for name, value in found.items() if name in names and isinstance(value, str)]
        return own + [text for value in found.values() for text in numbers_under(value, names)]
    if isinstance(found, list):
        return [text for value in found for text in numbers_under(value, names)]
    return []


def decimals_of(text: str) -> int:
    """Return how many decimals a number needs."""
    return max(0, -int(Decimal(text).normalize().as_tuple().exponent))


def units_of(text: str, decimals: int) -> int:
    """Return a number in units of its last decimal.

    Raises: ValueError when it has more.
    """
    number = Decimal(text).scaleb(decimals)
    if number != int(number):
        raise ValueError(f"{text} has more than {decimals} decimals")
    return int(number)
