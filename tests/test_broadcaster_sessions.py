"""The streams of phases and auctions with real clients: an extension of the dialect (rules A-1 to A-3)."""

from protocol.terms import EventKind, SessionPhase, Side
from tests.stream_house import StreamHouse, hear, played, stream_house

BOTH = "/stream?streams=btcusdt@phase/btcusdt@auction"
MS = 1_000_000


def _happen(house: StreamHouse, kind: EventKind, **facts: int) -> None:
    with house.market.command():
        house.market.other(kind, **facts)
    house.send()


@played
async def test_who_subscribes_hears_the_phase_and_the_auction_of_now_at_once():
    async with stream_house() as house:
        state = house.market.states[0]
        state["phase"], state["phase_until_ns"] = (
            SessionPhase.OPENING_AUCTION,
            1_700_000_100 * 10**9,
        )
        state["reference_price"], state["indicative_price"] = 10_000, 10_050
        state["paired_qty"], state["imbalance_qty"] = 300_000, 100_000
        state["imbalance_side"] = Side.SELL
        async with house.client(BOTH) as client:
            phase, auction = (await hear(client))["data"], (await hear(client))["data"]
        assert (phase["e"], phase["s"], phase["p"]) == ("phase", "BTCUSDT", "OPENING_AUCTION")
        assert (phase["r"], phase["u"]) == ("100.00000000", 1_700_000_100_000)
        letters = {letter: auction[letter] for letter in "esxpqiS"}
        assert letters == {
            "e": "auction",
            "s": "BTCUSDT",
            "x": "INDICATED",
            "p": "100.50000000",
            "q": "3.00000000",
            "i": "1.00000000",
            "S": "SELL",
        }


@played
async def test_a_call_is_told_from_its_beginning_to_its_uncross():
    async with stream_house() as house, house.client(BOTH) as client:
        assert [(await hear(client))["data"]["e"] for _ in range(2)] == ["phase", "auction"]
        opening = {"ord_status": SessionPhase.OPENING_AUCTION, "price": 10_000, "expire_ns": 0}
        _happen(house, EventKind.PHASE_CHANGED, **opening)
        told = (await hear(client))["data"]
        assert (told["p"], told["T"]) == ("OPENING_AUCTION", house.market.at_ns // MS)
        assert told["E"] >= told["T"]
        _happen(house, EventKind.INDICATED, price=10_050, order_qty=300_000)
        told = (await hear(client))["data"]
        assert (told["x"], told["p"], told["i"], told["S"]) == (
            "INDICATED",
            "100.50000000",
            "0.00000000",
            None,
        )
        _happen(house, EventKind.UNCROSSED, price=10_060, order_qty=400_000, leaves_qty=1, side=1)
        told = (await hear(client))["data"]
        assert (told["x"], told["q"], told["S"]) == ("UNCROSSED", "4.00000000", "SELL")


@played
async def test_after_lost_events_the_present_state_is_told_anew():
    async with stream_house() as house, house.client("/ws/btcusdt@phase") as client:
        assert (await hear(client))["p"] == "CONTINUOUS"
        with house.market.command():
            house.market.other(EventKind.PHASE_CHANGED, ord_status=SessionPhase.CLOSED)
        house.market.rows()
        house.market.states[0]["phase"] = SessionPhase.CLOSED
        _happen(house, EventKind.ACCOUNT_ADDED)
        assert (await hear(client))["p"] == "CLOSED"
