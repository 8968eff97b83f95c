"""Instruments and assets as plain arrays, for compiled code."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingress.views import Asset, Instrument
from protocol.layout import text40

Octets = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.uint8]
Table = npt.NDArray[np.int64]
TEXT_WIDTH: int = text40.__metadata__[0].itemsize  # type: ignore[attr-defined]
SYMBOL_LENGTH, PRICE_DECIMALS, QTY_DECIMALS, QUOTE = range(4)
CODE_LENGTH, ASSET_DECIMALS = range(2)
ACK, RESULT, FULL = range(3)
"""How an order is to be answered."""


class Tables(NamedTuple):
    """The tables in the order in which compiled functions take them; one row for each number.

    symbols, codes: text, filled up with zeros; instruments: by SYMBOL_LENGTH …; assets: by CODE_LENGTH ….
    """

    symbols: Texts
    instruments: Table
    codes: Texts
    assets: Table


def tables_of(instruments: Sequence[Instrument], assets: Sequence[Asset]) -> Tables:
    """Write down what compiled code needs to know of all instruments and assets."""
    return Tables(
        _texts([one.symbol for one in instruments]),
        _table(
            [
                (len(one.symbol), one.price_decimals, one.qty_decimals, one.quote.number)
                for one in instruments
            ],
            QUOTE + 1,
        ),
        _texts([one.code for one in assets]),
        _table([(len(one.code), one.decimals) for one in assets], ASSET_DECIMALS + 1),
    )


def _texts(texts: Sequence[str]) -> Texts:
    padded = b"".join(text.encode().ljust(TEXT_WIDTH, b"\0") for text in texts)
    return np.frombuffer(padded, np.uint8).reshape(len(texts), TEXT_WIDTH).copy()


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> Table:
    return np.array(rows, np.int64).reshape(len(rows), columns)
