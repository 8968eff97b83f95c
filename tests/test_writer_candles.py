"""Candles: what the trades of a batch add to minutes and hours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import Rows
from protocol.terms import Side
from writer import tables
from writer.candles import candles

MINUTE = tables.CANDLE_NS["klines_1m"]
FIELDS = ["instrument", "at_ns", "price", "qty", "side", "trade_id"]


def trades(*told: tuple[int, ...]) -> Rows:
    rows = np.zeros(len(told), tables.TRADES.dtype)
    for index, values in enumerate(told):
        for name, value in zip(FIELDS, values, strict=True):
            rows[name][index] = value
    return rows


def test_a_candle_has_first_and_last_highest_and_lowest_price_and_the_sums() -> None:
    made = candles(
        trades(
            (0, MINUTE + 1, 100, 2, Side.BUY, 7),
            (0, MINUTE + 2, 120, 3, Side.SELL, 8),
            (0, 2 * MINUTE - 1, 90, 5, Side.BUY, 9),
        ),
        MINUTE,
    )
    assert made == [(0, MINUTE, 100, 120, 90, 90, 10, 1010, 7, 650, 3, 7, 9)]


def test_the_first_instant_of_a_minute_belongs_to_it() -> None:
    made = candles(trades((0, MINUTE - 1, 1, 1, 0, 1), (0, MINUTE, 2, 1, 0, 2)), MINUTE)
    assert [(one.open_ns, one.open) for one in made] == [(0, 1), (MINUTE, 2)]


def test_instruments_that_trade_in_turns_have_their_own_candles() -> None:
    made = candles(
        trades((1, 5, 10, 1, 0, 1), (0, 6, 20, 1, 0, 1), (1, 7, 11, 1, 0, 2), (0, 8, 21, 1, 0, 2)),
        MINUTE,
    )
    assert [(one.instrument, one.open, one.close, one.trade_count) for one in made] == [
        (0, 20, 21, 2), (1, 10, 11, 2),
    ]  # fmt: skip


def test_a_turnover_beyond_63_bits_is_exact() -> None:
    price, qty = 1 << 31, (1 << 31) - 1
    made = candles(trades(*[(0, n, price, qty, Side.BUY, n) for n in range(10)]), MINUTE)
    assert made[0].quote_qty == made[0].taker_buy_quote_qty == 10 * price * qty > 1 << 63


def test_without_trades_there_is_no_candle() -> None:
    assert candles(trades(), MINUTE) == []


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 3),
            st.integers(1, 50),
            st.integers(1, 9),
            st.integers(0, 1),
        ),
        max_size=30,
    )
)
def test_candles_are_what_a_loop_over_the_trades_finds(
    told: list[tuple[int, int, int, int, int]],
) -> None:
    told.sort(key=lambda one: one[1])
    found: dict[tuple[int, int], list[int]] = {}
    for number, (instrument, minute, price, qty, side) in enumerate(told):
        key = (instrument, minute * MINUTE)
        one = found.setdefault(key, [price, price, price, price, 0, 0, 0, 0, 0, number, number])
        one[1], one[2], one[3], one[10] = max(one[1], price), min(one[2], price), price, number
        bought = side == Side.BUY
        for index, value in enumerate((qty, price * qty, qty * bought, price * qty * bought, 1), 4):
            one[index] += value
    rows = trades(*[(i, m * MINUTE, p, q, s, n) for n, (i, m, p, q, s) in enumerate(told)])
    expected = sorted((*key, *values) for key, values in found.items())
    assert [tuple(one) for one in candles(rows, MINUTE)] == expected
