"""The order-by-order feed with real clients: how it begins, what it says, what a gap costs (docs/l3.md)."""

from protocol.board import QueuedOrder
from protocol.board_reads import QueueView
from protocol.layout import rows_of
from protocol.terms import EventFlag, EventKind, Side
from tests.stream_house import StreamHouse, hear, played, stream_house

PATH = "/ws/btcusdt@orders"


def _show(house: StreamHouse, update_id: int) -> None:
    """Let a snapshot of an empty book be there."""
    empty = rows_of(QueuedOrder, 0)
    house.market.queue_views[0] = QueueView(update_id, 0, empty, empty)


def _happen(house: StreamHouse, kind: EventKind, **facts: int) -> None:
    house.market.update_ids[0] += 1
    with house.market.command():
        facts = {"price": 10_000, "update_id": house.market.update_ids[0], **facts}
        house.market.other(kind, flags=int(EventFlag.LEVEL), **facts)
    house.send()


@played
async def test_a_feed_begins_when_its_snapshot_is_there_and_then_tells_every_order():
    async with stream_house() as house, house.client(PATH) as client:
        _show(house, 0)
        told = await hear(client)
        assert (told["e"], told["s"], told["u"]) == ("ordersBegin", "BTCUSDT", 0)
        _happen(house, EventKind.ACCEPTED, order_id=7, leaves_qty=100_000, account=42)
        told = await hear(client)
        times = {"E": told["E"], "T": house.market.at_ns // 1_000_000}
        assert told == times | {
            "e": "order",
            "s": "BTCUSDT",
            "u": 1,
            "x": "ADD",
            "i": 7,
            "S": "BUY",
            "p": "100.00000000",
            "q": "1.00000000",
        }
        trade = {"last_px": 9_900, "last_qty": 40_000, "trade_id": 3, "side": int(Side.SELL)}
        _happen(house, EventKind.TRADE, order_id=7, leaves_qty=60_000, **trade)
        told = await hear(client)
        assert (told["u"], told["x"], told["S"], told["q"]) == (2, "TRADE", "SELL", "0.60000000")
        letters = {letter: told[letter] for letter in "tLlr"}
        assert letters == {"t": 3, "L": "99.00000000", "l": "0.40000000", "r": False}


@played
async def test_of_an_iceberg_only_what_it_shows_is_told_and_when_it_goes_to_the_back():
    async with stream_house() as house, house.client(PATH) as client:
        _show(house, 0)
        await hear(client)
        berg = {"order_id": 7, "display_qty": 30_000}
        _happen(house, EventKind.ACCEPTED, leaves_qty=70_000, **berg)
        _happen(house, EventKind.TRADE, leaves_qty=50_000, last_qty=20_000, **berg)
        _happen(house, EventKind.TRADE, leaves_qty=40_000, last_qty=10_000, **berg)
        _happen(house, EventKind.REPLACED, leaves_qty=5_000, **berg)
        _happen(house, EventKind.CANCELED, leaves_qty=0, **berg)
        told = [await hear(client) for _ in range(5)]
        assert [one["x"] for one in told] == ["ADD", "TRADE", "TRADE", "REDUCE", "REMOVE"]
        shown = ["0.30000000", "0.10000000", "0.30000000", "0.05000000", "0.00000000"]
        assert [one["q"] for one in told] == shown
        assert [one.get("r") for one in told] == [None, False, True, None, None]


@played
async def test_after_lost_events_the_feed_begins_anew_behind_them():
    async with stream_house() as house, house.client(PATH) as client:
        _show(house, 0)
        await hear(client)
        with house.market.command():
            house.market.other(EventKind.ACCEPTED)
        house.market.rows()
        house.market.update_ids[0] = 5
        _happen(house, EventKind.ACCEPTED, order_id=9, leaves_qty=1)
        # What is made now holds that one already.
        _show(house, 6)
        told = await hear(client)
        assert (told["e"], told["u"]) == ("ordersBegin", 6)
        _happen(house, EventKind.ACCEPTED, order_id=10, leaves_qty=1)
        told = await hear(client)
        assert (told["u"], told["i"]) == (7, 10)


@played
async def test_who_comes_later_hears_where_the_feed_stands():
    async with stream_house() as house, house.client(PATH) as client:
        _show(house, 3)
        await hear(client)
        house.market.update_ids[0] = 3
        _happen(house, EventKind.ACCEPTED, order_id=9, leaves_qty=1)
        await hear(client)
        async with house.client(PATH) as later:
            told = await hear(later)
            assert (told["e"], told["u"]) == ("ordersBegin", 4)
