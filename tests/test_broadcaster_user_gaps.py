"""User data streams while events are lost on the wire and a journal is in reach (API section 12)."""

import pytest
from websockets.exceptions import ConnectionClosed

from broadcaster.user_streams import Journal
from protocol.records import Event
from runtime.endpoints import frame_of
from tests.stream_house import StreamHouse, hear, played, soon, stream_house
from tests.ws_house import HandReplay

ALICE = 1


class Told:
    """Everything that the market did, whether the wire brought it or not."""

    def __init__(self, *, broken: bool = False) -> None:
        self.frames: list[bytes] = []
        self.replays = 0
        self.last = 0
        self._broken = broken

    def journal(self) -> Journal:
        return Journal(lambda: self.last, self._replay)

    def deposit(self, house: StreamHouse, amount: int, *, lost: bool = False) -> None:
        """Deposit to alice, told on the wire or lost on it."""
        with house.market.command():
            house.market.deposit(ALICE, 2, amount)
        rows = house.market.rows()
        self.last = int(rows["event_seq"][-1])
        self.frames.append(frame_of(Event, rows))
        if not lost:
            house.source.take([self.frames[-1]])

    def _replay(self, event_seq: int) -> HandReplay:
        self.replays += 1
        return HandReplay(list(self.frames), broken=self._broken)


async def amounts(client, count: int) -> list[int]:
    found = []
    while len(found) < count:
        told = await hear(client)
        if told["e"] == "balanceUpdate":
            found.append(int(told["d"].partition(".")[2]))
    return found


@played
async def test_what_the_wire_lost_is_told_late_in_order_and_once():
    told = Told()
    async with stream_house(told.journal()) as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as client:
            told.deposit(house, 1)
            for amount in (2, 3):
                told.deposit(house, amount, lost=True)
            for amount in (4, 5):
                told.deposit(house, amount)
            assert await amounts(client, 5) == [1, 2, 3, 4, 5]
            assert told.replays == 1


@played
async def test_what_was_lost_at_the_end_is_told_though_nothing_follows():
    told = Told()
    async with stream_house(told.journal()) as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as client:
            told.deposit(house, 1)
            told.deposit(house, 2, lost=True)
            assert await amounts(client, 2) == [1, 2]


@played
async def test_a_stream_ends_when_the_journal_cannot_be_read():
    told = Told(broken=True)
    async with stream_house(told.journal()) as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as client:
            told.deposit(house, 1)
            told.deposit(house, 2, lost=True)
            told.deposit(house, 3)
            assert await amounts(client, 1) == [1]
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await soon(client.recv())
            assert closed.value.rcvd.code == 1012
