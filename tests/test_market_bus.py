"""The market over Redis, with a real server: what is sent arrives, what was missed can be had (docs/hosts.md)."""

import numpy as np
import pytest

from protocol.board import DepthLevel, StatusRow
from protocol.board_reads import DepthView
from protocol.layout import rows_from, rows_of
from protocol.public_rows import public_rows, touched
from protocol.records import Event
from protocol.terms import EventFlag, EventKind, Side
from runtime.market_bus import (
    Away,
    Frame,
    Listings,
    MarketBus,
    State,
    WrongVersion,
    depth_of,
    frame_of,
)
from tests.market_events import HandMarket
from tests.valkey_fixture import Valkey, valkey  # noqa: F401 - a fixture

STATUS = rows_of(StatusRow, 1)


def _bus(server: Valkey, frames: int = 1000) -> MarketBus:
    return MarketBus(server.url, "test", frames)


def _frame(first: int, count: int) -> Frame:
    rows = rows_of(Event, count)
    rows["event_seq"] = np.arange(first, first + count)
    return frame_of(STATUS, rows, first + count - 1)


def _numbers(frames: list[Frame]) -> list[int]:
    return [int(seq) for one in frames for seq in rows_from(Event, one.events)["event_seq"]]


def _heard(bus: MarketBus, count: int) -> list[Frame]:
    found: list[Frame] = []
    while len(found) < count:
        frame = bus.heard(10.0)
        assert frame is not None
        found.append(frame)
    return found


def test_frames_come_to_who_listens_and_stay_for_who_asks_later(valkey):  # noqa: F811
    relay, mirror = _bus(valkey), _bus(valkey)
    mirror.listen()
    relay.send([_frame(1, 3), _frame(4, 2), frame_of(STATUS, rows_of(Event, 0), 5)])
    heard = _heard(mirror, 3)
    assert _numbers(heard[:2]) == [1, 2, 3, 4, 5]
    assert (heard[2].events, heard[2].last) == (b"", 5)
    # Frames are whole: who lacks event 2 gets the one that holds it.
    assert _numbers(list(mirror.since(2))) == [1, 2, 3, 4, 5]
    assert _numbers(list(mirror.since(4))) == [4, 5]
    assert list(mirror.since(6)) == []
    assert relay.newest() == 5
    relay.forget()
    assert relay.newest() == 0


def test_many_frames_are_had_in_order(valkey):  # noqa: F811
    bus = _bus(valkey)
    bus.send([_frame(10 * number + 1, 10) for number in range(700)])
    assert _numbers(list(bus.since(1))) == list(range(1, 7001))


def test_frames_that_were_sent_before_are_not_kept_twice(valkey):  # noqa: F811
    bus = _bus(valkey)
    bus.send([_frame(1, 3), _frame(4, 2)])
    bus.send([_frame(4, 2), _frame(6, 1)])
    assert _numbers(list(bus.since(1))) == [1, 2, 3, 4, 5, 6]


def test_no_more_frames_are_kept_than_allowed(valkey):  # noqa: F811
    bus = _bus(valkey, frames=100)
    bus.send([_frame(number, 1) for number in range(1, 2001)])
    kept = _numbers(list(bus.since(1)))
    assert kept == list(range(kept[0], 2001))
    assert len(kept) < 400


def test_the_whole_market_is_kept_as_it_was(valkey):  # noqa: F811
    bus = _bus(valkey)
    assert bus.state() is None
    levels = rows_of(DepthLevel, 2)
    levels["price"], levels["qty"] = [5, 4], [70, 80]
    view = DepthView(9, 3, 1, True, levels, levels[:1])
    listings = Listings(b"a", b"i", b"t")
    books = [depth_of(1, view)]
    bus.keep(State(1, STATUS.tobytes(), 17, listings, 256, 100, [], books))
    found = bus.state()
    assert found is not None
    assert (found.last, found.capacity, found.listings) == (17, 256, listings)
    seen = found.books[0].view()
    assert (seen.update_id, seen.complete) == (9, True)
    assert seen.bids.tolist() == levels.tolist()
    assert seen.asks.tolist() == levels[:1].tolist()


def test_another_release_on_the_other_host_is_named(valkey):  # noqa: F811
    bus = _bus(valkey)
    other = State(99, b"", 1, Listings(b"", b"", b""), 1, 1, [], [])
    bus.keep(other)
    with pytest.raises(WrongVersion, match="99 came from the other host, 1 expected"):
        bus.state()


def test_a_server_that_is_away_or_hangs_is_said_and_not_waited_for(valkey):  # noqa: F811
    bus = _bus(valkey)
    bus.listen()
    valkey.pause()
    with pytest.raises(Away):
        bus.send([_frame(1, 1)])
    valkey.resume()
    valkey.kill()
    with pytest.raises(Away):
        bus.newest()
    valkey.start()
    assert bus.newest() == 0
    bus.listen()
    bus.send([_frame(1, 1)])
    assert _numbers(_heard(bus, 1)) == [1]


def test_nothing_of_an_account_or_of_what_is_hidden_leaves_the_host():
    market = HandMarket()
    with market.command():
        market.level(Side.SELL, 110, 5)
        market.other(EventKind.DEPOSITED, account=7, base_free=99)
    with market.command():
        market.trade(Side.SELL, 110, 2)
    rows = market.rows()
    private = {"account": 7, "contra_account": 8, "order_id": 9, "leaves_qty": 1_000, "fee": 3}
    for name, value in private.items():
        rows[name] = value
    rows["cl_ord_id"], rows["base_free"], rows["display_qty"] = b"secret", 5, 6
    told = public_rows(rows)
    for name in (
        *private,
        "cl_ord_id",
        "base_free",
        "base_locked",
        "display_qty",
        "contra_order_id",
    ):
        assert not told[name].any(), name
    assert told["event_seq"].tolist() == rows["event_seq"].tolist()
    assert told["kind"].tolist() == [EventKind.ACCEPTED, 0, EventKind.TRADE, EventKind.TRADE]
    assert told["level_qty"].tolist() == [5, 0, 3, 0]
    assert told["trade_id"].tolist() == rows["trade_id"].tolist()
    assert bool(told["flags"][2] & EventFlag.MAKER)
    assert touched(rows) == [0]


def test_phases_auctions_and_listings_leave_the_host_whole_but_for_who_asked():
    market = HandMarket()
    phase = {"instrument": 1, "ord_status": 2, "price": 110, "expire_ns": 99}
    auction = {"instrument": 1, "price": 111, "order_qty": 5, "leaves_qty": 3, "side": 1}
    asset = {"asset": 4, "order_qty": 8, "cl_ord_id": b"BTC"}
    with market.command():
        market.other(EventKind.PHASE_CHANGED, **phase)
        market.other(EventKind.UNCROSSED, **auction)
        market.other(EventKind.ASSET_ADDED, **asset)
        market.other(EventKind.ACCOUNT_ADDED, cl_ord_id=b"alice")
    rows = market.rows()
    rows["account"], rows["reply_to"], rows["request_id"] = 7, 8, 9
    told = public_rows(rows)
    assert told["kind"].tolist()[:3] == [
        EventKind.PHASE_CHANGED,
        EventKind.UNCROSSED,
        EventKind.ASSET_ADDED,
    ]
    for row, fields in zip(told, (phase, auction, asset), strict=False):
        assert {name: row[name].item() for name in fields} == fields
    for name in ("account", "reply_to", "request_id"):
        assert not told[name].any(), name
    assert (told["kind"][3], told["cl_ord_id"][3]) == (0, b"")
    assert touched(rows) == [0, 1]
