"""What trades add up to."""

import pytest

from protocol.intervals import SECOND_NS
from protocol.tape import (
    AggTrade,
    Candle,
    PublicTrade,
    agg_trade_of,
    average_price,
    candle_of,
    change_percent,
    flat_candle,
    rolled_up,
    window_open_ns,
)


def _trade(trade_id: int, *, agg: int = 7, qty: int = 5) -> PublicTrade:
    return PublicTrade(trade_id, agg, price=100, qty=qty, at_ns=1_000, buyer_is_maker=True)


def test_one_fill_is_an_aggregated_trade_of_its_own():
    assert agg_trade_of(_trade(3)) == AggTrade(7, 100, 5, 3, 3, 1_000, buyer_is_maker=True)


def test_fills_with_one_aggregate_id_are_one_record():  # rule D-2
    joined = agg_trade_of(_trade(3)).joined(_trade(4, qty=8))
    assert joined == AggTrade(7, 100, 13, 3, 4, 1_000, buyer_is_maker=True)


def test_a_fill_with_another_aggregate_id_does_not_join():
    assert agg_trade_of(_trade(3)).joined(_trade(4, agg=8)) is None


def _agg(
    trade_id: int, price: int, *, qty: int = 1, fills: int = 1, maker: bool = True
) -> AggTrade:
    return AggTrade(trade_id, price, qty, trade_id, trade_id + fills - 1, 70 * SECOND_NS, maker)


def test_a_candle_of_one_aggregated_trade_counts_its_fills():
    candle = candle_of(_agg(5, 100, qty=3, fills=2, maker=False), 60 * SECOND_NS)
    assert candle == Candle(60 * SECOND_NS, 100, 100, 100, 100, 3, 300, 3, 300, 2, 5, 6)


def test_only_what_takers_bought_counts_as_taker_bought():
    candle = candle_of(_agg(5, 100, qty=3, maker=True), 0)
    assert (candle.taker_buy_qty, candle.taker_buy_quote_qty) == (0, 0)


def test_candles_join_in_order():
    trades = [_agg(1, 100, qty=2), _agg(2, 120, qty=1, maker=False), _agg(3, 90), _agg(4, 110)]
    joined = rolled_up([candle_of(trade, 0) for trade in trades], 0)
    assert joined == Candle(0, 100, 120, 90, 110, 5, 520, 1, 120, 4, 1, 4)


def test_a_flat_candle_has_a_price_and_no_trade():
    flat = flat_candle(60 * SECOND_NS, 110)
    assert flat == Candle(60 * SECOND_NS, 110, 110, 110, 110, 0, 0, 0, 0, 0, -1, -1)


def test_nothing_rolls_up_to_nothing():
    assert rolled_up([], 0) is None


def test_a_rolling_window_opens_on_a_minute():
    assert window_open_ns(3_659 * SECOND_NS + 1, 3_600 * SECOND_NS) == 0
    assert window_open_ns(3_660 * SECOND_NS, 3_600 * SECOND_NS) == 60 * SECOND_NS


def test_an_average_price_has_eight_decimals_rounded_down():
    # 3 at 1.00 and 1 at 2.00, quantities with five decimals: 5.00 / 4 = 1.25
    assert average_price(quote_qty=500_00000, qty=400_000, price_decimals=2) == 125_000_000
    assert average_price(quote_qty=2, qty=3, price_decimals=0) == 66_666_666


@pytest.mark.parametrize(
    ("opened", "closed", "percent"),
    [(100, 250, 150_000), (100, 100, 0), (3, 4, 33_333), (3, 2, -33_333), (8, 7, -12_500)],
)
def test_a_change_is_told_in_thousandths_of_a_percent(opened, closed, percent):
    assert change_percent(opened, closed) == percent


def test_halves_of_a_thousandth_are_rounded_away_from_zero():
    assert change_percent(200_000, 200_001) == 1
    assert change_percent(200_000, 199_999) == -1
    assert change_percent(200_001, 200_002) == 0
