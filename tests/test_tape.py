"""What trades add up to."""

from protocol.tape import AggTrade, PublicTrade, agg_trade_of


def _trade(trade_id: int, *, agg: int = 7, qty: int = 5) -> PublicTrade:
    return PublicTrade(trade_id, agg, price=100, qty=qty, at_ns=1_000, buyer_is_maker=True)


def test_one_fill_is_an_aggregated_trade_of_its_own():
    assert agg_trade_of(_trade(3)) == AggTrade(7, 100, 5, 3, 3, 1_000, buyer_is_maker=True)


def test_fills_with_one_aggregate_id_are_one_record():  # rule D-2
    joined = agg_trade_of(_trade(3)).joined(_trade(4, qty=8))
    assert joined == AggTrade(7, 100, 13, 3, 4, 1_000, buyer_is_maker=True)


def test_a_fill_with_another_aggregate_id_does_not_join():
    assert agg_trade_of(_trade(3)).joined(_trade(4, agg=8)) is None
