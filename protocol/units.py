"""Decimal text to int64 and back: the only place where a decimal point is read or written.

A number is a count of the smallest unit: "1.25" with 2 decimals is 125. Nothing here rounds: text
with more digits than the unit holds is refused, unless they are zeros.
"""

import re

MAX_I64 = (1 << 63) - 1
_DECIMAL = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?")


class NotDecimal(ValueError):
    """The text is not a plain non-negative decimal number."""


class TooPrecise(ValueError):
    """The text has more decimals than the unit."""


class Overflow(ValueError):
    """The number does not fit in 63 bits."""


def to_units(text: str, decimals: int) -> int:
    """Read decimal text as a whole number of 10**-decimals units.

    Raises: NotDecimal, TooPrecise, Overflow.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise NotDecimal(text)
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise TooPrecise(text)
    units = int(whole + fraction.ljust(decimals, "0"))
    if units > MAX_I64:
        raise Overflow(text)
    return units


def to_text(units: int, decimals: int, places: int | None = None) -> str:
    """Write `units` of 10**-decimals as decimal text with `places` decimals (default: `decimals`).

    `places` may be more than `decimals` (zeros follow) but not fewer than the number needs.
    """
    places = decimals if places is None else places
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, fraction = divmod(units, 10**decimals)
    if places == 0:
        assert fraction == 0, "digits would be lost"
        return f"{sign}{whole}"
    digits = str(fraction).rjust(decimals, "0") if decimals else ""
    assert places >= len(digits.rstrip("0")), "digits would be lost"
    return f"{sign}{whole}.{digits[:places].ljust(places, '0')}"
