"""Balance changes: every event's balances as ledger rows, and the fee account's from the fees."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import Rows
from protocol.terms import EventKind, Side
from tests.event_rows import commands, opening, order, trade
from writer.ledger import Holdings, changes

FUNDED = {(account, asset): (1000, 0) for account in (1, 2) for asset in (0, 1)}


def holdings(funded: bool = True) -> Holdings:
    made = Holdings({0: (0, 1)})
    for (account, asset), (free, locked) in (FUNDED if funded else {}).items():
        made.set_balance(account, asset, free, locked)
    return made


def shown(base: tuple[int, int], quote: tuple[int, int]) -> dict[str, int]:
    names = ("base_free", "base_locked", "quote_free", "quote_locked")
    return dict(zip(names, (*base, *quote), strict=True))


def told(rows: Rows) -> list[tuple[int, ...]]:
    names = ["account", "asset", "free", "locked", "free_delta", "locked_delta"]
    return [tuple(int(row[name]) for name in names) for row in rows]


def sale(fee: int = 0, maker: int = 1, taker: int = 2) -> list[dict[str, Any]]:
    """The maker sells 10 for 100 to the taker; each pays `fee` in what it receives."""
    return trade(
        order(
            EventKind.TRADE,
            1,
            maker,
            side=Side.SELL,
            fee=fee,
            asset=1,
            **shown((990, 0), (1100 - fee, 0)),
        ),
        order(EventKind.TRADE, 2, taker, fee=fee, asset=0, **shown((1010 - fee, 0), (900, 0))),
        trade_id=5,
    )


def test_a_deposit_is_a_change_of_one_balance() -> None:
    rows, balances, known = changes(commands(*opening()), holdings(funded=False))
    assert told(rows)[0] == (1, 0, 1000, 0, 1000, 0)
    assert rows["kind"].tolist() == [EventKind.DEPOSITED] * 4
    assert len(balances) == 4
    assert len(known) == 0


def test_a_hold_moves_free_to_locked_in_one_asset_only() -> None:
    events = commands([order(EventKind.ACCEPTED, 1, 1, **shown((1000, 0), (900, 100)))])
    rows, new, balances = changes(events, holdings())
    assert len(new) == 0
    assert told(rows) == [(1, 1, 900, 100, -100, 100)]
    assert balances.tolist() == [(1, 1, 900, 100, 1)]


def test_an_event_that_changes_no_balance_makes_no_row() -> None:
    events = commands([order(EventKind.RESTED, 1, 1, **shown((1000, 0), (1000, 0)))])
    rows, new, known = changes(events, holdings())
    assert len(rows) == len(new) == len(known) == 0


def test_a_rejected_order_changes_nothing() -> None:
    rows, *_ = changes(
        commands([order(EventKind.REJECTED, 0, 1, **shown((0, 0), (0, 0)))]), holdings()
    )
    assert len(rows) == 0


def test_a_trade_moves_both_assets_of_both_sides() -> None:
    rows, *_ = changes(commands(sale()), holdings())
    assert sorted(told(rows)) == [
        (1, 0, 990, 0, -10, 0), (1, 1, 1100, 0, 100, 0), (2, 0, 1010, 0, 10, 0), (2, 1, 900, 0, -100, 0),
    ]  # fmt: skip
    assert rows["trade_id"].tolist() == [5] * 4
    assert rows["order_id"].tolist() == [1, 1, 2, 2]


def test_fees_go_to_account_0_and_the_sum_stays() -> None:
    know = holdings()
    rows, balances, _ = changes(commands(sale(fee=3), sale(fee=3)), know)
    fees = [row for row in told(rows) if row[0] == 0]
    assert fees == [(0, 1, 3, 0, 3, 0), (0, 0, 3, 0, 3, 0), (0, 1, 6, 0, 3, 0), (0, 0, 6, 0, 3, 0)]
    assert rows["event_seq"].tolist() == sorted(rows["event_seq"].tolist())
    for asset in (0, 1):
        of_asset = rows[(rows["asset"] == asset) & (rows["event_seq"] <= 2)]
        assert int((of_asset["free_delta"] + of_asset["locked_delta"]).sum()) == 0
    assert [row[:4] for row in balances.tolist() if row[0] == 0] == [(0, 0, 6, 0), (0, 1, 6, 0)]


def test_a_withdrawal_of_fees_starts_from_their_sum() -> None:
    know = holdings()
    changes(commands(sale(fee=3)), know)
    out = {"kind": EventKind.WITHDRAWN, "account": 0, "asset": 1, "last_qty": 2, "base_free": 1}
    rows, *_ = changes(commands([out], sale(fee=3)), know)
    assert [row for row in told(rows) if row[:2] == (0, 1)] == [
        (0, 1, 1, 0, -2, 0),
        (0, 1, 4, 0, 3, 0),
    ]


def test_fees_of_a_trade_in_which_account_0_takes_part_are_counted_once() -> None:
    events = commands(sale(fee=3, maker=0))
    events["base_free"][0], events["quote_free"][0] = 3, 100  # after its own sale and both fees
    know = holdings()
    know.set_balance(0, 0, 10, 0)
    rows, new, known = changes(events, know)
    assert [row for row in told(rows) if row[0] == 0] == [
        (0, 0, 3, 0, -7, 0),
        (0, 1, 100, 0, 100, 0),
    ]
    assert [row[:4] for row in new.tolist()] == [(0, 1, 100, 0)]
    assert [row[:4] for row in known.tolist() if row[0] == 0] == [(0, 0, 3, 0)]


def test_a_self_trade_tells_the_change_once() -> None:
    after = shown((1000, 0), (1000, 0))
    sides = trade(
        order(EventKind.TRADE, 1, 1, **after), order(EventKind.TRADE, 2, 1, **after), trade_id=5
    )
    know = holdings()
    know.set_balance(1, 0, 990, 10)
    rows, *_ = changes(commands(sides), know)
    assert told(rows) == [(1, 0, 1000, 0, 10, -10)]


balance = st.integers(0, 50)
steps = st.one_of(
    st.tuples(st.just("order"), st.integers(0, 2), balance, balance, balance, balance),
    st.tuples(st.just("deposit"), st.integers(0, 2), st.integers(0, 1), balance),
    st.tuples(st.just("trade"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3), balance),
)


@given(st.lists(steps, min_size=1, max_size=12), st.integers(0, 12))
def test_how_the_stream_is_cut_changes_no_row(story: list[tuple[Any, ...]], cut: int) -> None:
    events = commands(*[_events(*step) for step in story])
    cut = min(cut, len(story))
    whole, *_ = changes(events, holdings())
    split = int((events["seq"] <= cut).sum())
    know = holdings()
    first, *_ = changes(events[:split], know)
    second, *_ = changes(events[split:], know)
    assert [*first.tolist(), *second.tolist()] == whole.tolist()


@given(st.lists(steps, min_size=1, max_size=12))
def test_every_row_starts_where_the_one_before_it_ended(story: list[tuple[Any, ...]]) -> None:
    know = holdings()
    rows, new, known = changes(commands(*[_events(*step) for step in story]), know)
    now = dict(FUNDED)
    for account, asset, free, locked, free_delta, locked_delta in told(rows):
        was = now.get((account, asset), (0, 0))
        assert (was[0] + free_delta, was[1] + locked_delta) == (free, locked)
        now[account, asset] = (free, locked)
    for account, asset, free, locked, _ in [*new.tolist(), *known.tolist()]:
        assert now[account, asset] == (free, locked)
    assert {row[:2] for row in known.tolist()} <= FUNDED.keys()
    assert not {row[:2] for row in new.tolist()} & FUNDED.keys()


def _events(what: str, account: int, *numbers: int) -> list[dict[str, Any]]:
    if what == "order":
        base, quote = (numbers[0], numbers[1]), (numbers[2], numbers[3])
        return [order(EventKind.ACCEPTED, 1, account, **shown(base, quote))]
    if what == "deposit":
        asset, free = numbers
        return [
            {"kind": EventKind.DEPOSITED, "account": account, "asset": asset, "base_free": free}
        ]
    other, fee, free = numbers
    return trade(
        order(EventKind.TRADE, 1, account, fee=fee, asset=1, **shown((free, 1), (free, 2))),
        order(EventKind.TRADE, 2, other, fee=fee, asset=0, **shown((free, 3), (free, 4))),
        trade_id=1,
    )
