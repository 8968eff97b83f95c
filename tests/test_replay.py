"""A replay counts what the venue did as recorded, and names what it did not."""

import argparse
import json
import pathlib

import pytest

from commands import Refused, replay
from commands.core_venue import CoreVenue
from commands.price_time import PriceTimeBook
from commands.steps import Amend, Cancel, Check, Enter, Skip, Step
from commands.venue import Rejected, Seen
from protocol.terms import Side

BUY, SELL = Side.BUY, Side.SELL


class PlainVenue:
    """A price-time venue in dictionaries."""

    def __init__(self) -> None:
        self.orders = PriceTimeBook()

    def next_maker(self, side: Side) -> str:
        return self.orders.head(side)

    def enter(self, step: Enter) -> list[tuple[str, int]]:
        fills, left, against = [], step.qty, Side(1 - step.side)
        while left and (maker := self.next_maker(against)):
            price = self.orders.orders[maker].price
            if (price > step.price) if step.side == BUY else (price < step.price):
                break
            qty = min(left, self.orders.orders[maker].leaves)
            self.orders.fill(maker, qty)
            fills.append((maker, qty))
            left -= qty
        if left and not step.ioc:
            self.orders.enter(step.order, step.side, step.price, left)
        return fills

    def cancel(self, name: str) -> None:
        if name not in self.orders.orders:
            raise Rejected("unknown order")
        self.orders.remove(name)

    def amend(self, name: str, qty: int) -> None:
        if name not in self.orders.orders:
            raise Rejected("unknown order")
        self.orders.amend(name, self.orders.orders[name].qty - qty)

    def book(self, levels: int | None) -> Seen:
        bids, asks = (self.orders.depth(side, levels or 10**6) for side in (BUY, SELL))
        return Seen(bids, asks, (len(bids), len(asks)), len(self.orders.orders))

    def close(self) -> None:
        self.orders = PriceTimeBook()


class LastInFirstOut(PlainVenue):
    """A venue without time priority."""

    def next_maker(self, side: Side) -> str:
        price = self.orders.best_price(side)
        return "" if price is None else self.orders.at(side, price)[-1]


DAY: list[Step] = [
    Enter(1, "L1", SELL, 10010, 30),
    Enter(2, "L2", SELL, 10010, 20),
    Enter(3, "X3", BUY, 10010, 10, ioc=True, hit="L1"),
    Check(3, (), ((10010, 40),), (0, 1), 2),
    Amend(4, "L1", 25),
    Skip(5, "not shown"),
    Cancel(6, "L2"),
    Check(7, None, ((10010, 15),)),
]


def test_a_venue_that_does_as_recorded_passes_every_check() -> None:
    tally = replay.play(DAY, PlainVenue())
    assert (tally.passed, tally.failed, tally.orders, tally.trades) == (3, 0, 5, 1)
    assert tally.skips == {"not shown": 1}


def test_the_core_does_as_recorded() -> None:
    tally = replay.play(DAY, CoreVenue())
    assert (tally.passed, tally.failed, tally.orders, tally.trades) == (3, 0, 5, 1)
    assert tally.failures == []


def test_the_core_rejects_what_the_record_cannot_ask() -> None:
    tally = replay.play([Cancel(1, "L9"), Enter(2, "L1", BUY, 0, 5)], CoreVenue())
    assert tally.failures == [
        "step 1: cancel L9: rejected, UNKNOWN_ORDER",
        "step 2: BUY 5 @ 0.00 as L1: rejected, INVALID_PRICE",
    ]


def test_a_hit_of_another_order_than_the_named_one_fails() -> None:
    tally = replay.play(DAY[:3], LastInFirstOut())
    assert (tally.passed, tally.failed) == (0, 1)
    assert "step 3" in tally.failures[0]
    assert "L2" in tally.failures[0]


@pytest.mark.parametrize(
    "wrong",
    [
        Check(9, (), ((10010, 51),), (0, 1), 2),
        Check(9, (), ((10010, 50),), (0, 2), 2),
        Check(9, (), ((10010, 50),), (0, 1), 3),
        Check(9, ((10000, 1),), None),
        Check(9, None, ((10010, 50), (10011, 5))),
    ],
)
def test_a_book_that_differs_from_the_record_fails(wrong: Check) -> None:
    tally = replay.play([*DAY[:2], wrong], PlainVenue())
    assert (tally.passed, tally.failed) == (0, 1)
    assert "expected" in tally.failures[0]


def test_a_trade_that_the_record_does_not_have_fails() -> None:
    steps = [*DAY[:2], Enter(3, "L3", BUY, 10010, 5)]
    assert replay.play(steps, PlainVenue()).failed == 1


def test_a_rejected_request_fails_and_the_replay_goes_on() -> None:
    tally = replay.play([Cancel(1, "L9"), Amend(2, "L9", 1), *DAY], PlainVenue())
    assert (tally.passed, tally.failed) == (3, 2)
    assert "cancel L9: rejected, unknown order" in tally.failures[0]


def test_a_file_that_is_no_flow_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Refused, match=r"no\.txt"):
        replay.run(_arguments(str(tmp_path / "no.txt")))


def test_failures_give_a_failing_exit_status_and_stand_in_the_json(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = tmp_path / "a.flow.jsonl"
    flow.write_text('{"t":"1","op":"cancel","id":"L1"}\n{"t":"2","op":"cancel","id":"L2"}\n')
    args = _arguments(str(flow), "--json", "--limit", "1")
    assert replay.run(args, lambda _: PlainVenue()) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["passed"], last["failed"], last["orders"]) == (0, 1, 1)
    assert last["failures"] == ["step 1: cancel L1: rejected, unknown order"]


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return parser.parse_args(words)
