"""Commands out, events back, and what a client hears when none come (`ingress/gateway.py`)."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from ingress import gateway as module
from ingress.errors import Refused
from ingress.gateway import FRAME_COMMANDS, Gateway, NoSlot, ReplySlot
from protocol.layout import Rows
from protocol.records import Command, Event
from protocol.terms import EventFlag
from runtime.endpoints import frame_of, rows_in
from tests.simulation.people import VirtualLoop

SLOT = 7


class Wire:
    """Remembers the frames it took."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.full = False

    def send(self, frame: bytes) -> bool:
        if not self.full:
            self.frames.append(frame)
        return not self.full

    def commands(self) -> Rows:
        return np.concatenate([rows_in(Command, frame) for frame in self.frames])


def events(*told: tuple[int, int, int]) -> bytes:
    """A frame of events: request id, order id, flags."""
    rows = np.zeros(len(told), Event.dtype)
    for row, (request_id, order_id, flags) in zip(rows, told, strict=True):
        row["request_id"], row["order_id"], row["flags"] = request_id, order_id, flags
    return frame_of(Event, rows)


def play(story: Callable[[Gateway, Wire], Awaitable[None]], first_id: int = 10) -> None:
    """Run a story with a gateway whose patience is a twentieth of a second."""

    async def run() -> None:
        wire, loop = Wire(), asyncio.get_running_loop()
        await story(Gateway(wire, SLOT, loop, 0.05, lambda: 1, first_id), wire)

    asyncio.run(run())


class Hours:
    """A gateway on a clock of its own, with half a minute of patience; `life`: the matcher in charge, 0: none."""

    def __init__(self) -> None:
        self.life, self._now_ns = 1, 0
        self._loop = VirtualLoop(lambda: self._now_ns)
        loop: Any = self._loop
        self.gateway = Gateway(Wire(), SLOT, loop, 30.0, lambda: self.life, 10)

    def ask(self) -> "asyncio.Future[list[Event]]":
        return self.gateway.ask({"kind": 1})

    def hear(self, *requests: int) -> None:
        """Have some requests answered."""
        self.gateway.take([events(*((one, one, EventFlag.LAST) for one in requests))])

    def pass_by(self, seconds: float) -> None:
        """Let time pass, in steps of a hundredth of a second."""
        for _ in range(round(seconds * 100)):
            self._now_ns += 10_000_000
            self._loop.run()


def ended(waiting: "asyncio.Future[list[Event]]") -> int:
    """Return the code with which a request ended; 0: it still waits, 1: it was answered."""
    if not waiting.done():
        return 0
    refusal = waiting.exception()
    assert refusal is None or isinstance(refusal, Refused)
    return refusal.code if refusal else 1


async def refusal_of(waiting: "asyncio.Future[list[Event]]") -> tuple[int, int]:
    with pytest.raises(Refused) as refusal:
        await waiting
    return refusal.value.code, refusal.value.status


def test_commands_of_one_turn_leave_in_one_frame_with_their_return_address():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answers = [gateway.ask({"kind": 1, "order_id": number}) for number in (1, 2, 3)]
        assert wire.frames == []
        await asyncio.sleep(0)
        assert len(wire.frames) == 1
        rows = wire.commands()
        assert rows["order_id"].tolist() == [1, 2, 3]
        assert rows["request_id"].tolist() == [10, 11, 12]
        assert set(rows["reply_to"].tolist()) == {SLOT}
        assert (rows["received_ns"] > 0).all()
        assert (rows["seq"] == 0).all() and (rows["at_ns"] == 0).all()
        gateway.take([events((12, 3, EventFlag.LAST), (10, 1, EventFlag.LAST))])
        gateway.take([events((11, 2, EventFlag.LAST))])
        assert [one[0].order_id for one in await asyncio.gather(*answers)] == [1, 2, 3]

    play(story)


def test_a_full_frame_leaves_while_the_turn_goes_on_and_no_list_is_cut():
    async def story(gateway: Gateway, wire: Wire) -> None:
        for number in range(FRAME_COMMANDS - 1):
            gateway.ask({"order_id": number})
        assert wire.frames == []
        gateway.ask({"leg": 0}, {"leg": 1}, {"leg": 2})
        gateway.ask({"order_id": 99})
        assert [len(rows_in(Command, frame)) for frame in wire.frames] == [FRAME_COMMANDS + 2]
        await asyncio.sleep(0)
        assert [len(rows_in(Command, frame)) for frame in wire.frames[1:]] == [1]
        gateway.close()

    play(story)


def test_a_full_wire_refuses_a_frame_that_left_early_too():
    async def story(gateway: Gateway, wire: Wire) -> None:
        wire.full = True
        answers = [gateway.ask({"kind": 1}) for _ in range(FRAME_COMMANDS)]
        assert {await refusal_of(one) for one in answers} == {(-1008, 503)}
        assert gateway.pending == 0

    play(story)


def test_an_answer_is_whole_with_its_last_event():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask({"kind": 1})
        gateway.take([events((10, 1, 0), (10, 2, EventFlag.MAKER))])
        assert not answer.done()
        gateway.take([events((10, 3, EventFlag.LAST | EventFlag.MAKER))])
        assert [event.order_id for event in await answer] == [1, 2, 3]
        assert gateway.pending == 0

    play(story)


def test_the_legs_of_a_list_share_one_answer():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask({"leg": 0}, {"leg": 1})
        await asyncio.sleep(0)
        assert wire.commands()["request_id"].tolist() == [10, 10]
        gateway.take([events((10, 1, 0), (10, 2, EventFlag.LAST))])
        assert len(await answer) == 2

    play(story)


def test_no_answer_in_time_is_status_unknown_and_a_late_one_is_dropped():
    async def story(gateway: Gateway, wire: Wire) -> None:
        first = gateway.ask({"kind": 1})
        await asyncio.sleep(0.03)
        second = gateway.ask({"kind": 1})
        assert await refusal_of(first) == (-1007, 504)
        assert not second.done()
        gateway.take([events((10, 1, EventFlag.LAST))])
        gateway.take([events((11, 2, EventFlag.LAST))])
        assert (await second)[0].order_id == 2

    play(story)


def test_each_command_has_its_own_patience():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answers = []
        for _ in range(3):
            answers.append(gateway.ask({"kind": 1}))
            await asyncio.sleep(0.02)
        assert [await refusal_of(one) for one in answers] == [(-1007, 504)] * 3
        assert gateway.pending == 0

    play(story)


def test_what_died_with_a_matcher_is_unknown_soon_after_another_one_is_in_charge():
    hours = Hours()
    lost = [hours.ask(), hours.ask()]
    hours.life = 0
    hours.pass_by(10)
    assert [ended(one) for one in lost] == [0, 0], (
        "the next one may still answer what lay in the wire"
    )
    hours.life = 2
    hours.pass_by(module.SETTLE_S - 0.02)
    assert [ended(one) for one in lost] == [0, 0]
    hours.pass_by(2 * module.WATCH_S + 0.03)
    assert [ended(one) for one in lost] == [-1007, -1007]
    later = hours.ask()
    hours.hear(10, 12)
    assert ended(later) == 1, "a late answer is dropped, the next one counts"


def test_what_lay_in_the_wire_is_answered_by_the_next_matcher_as_long_as_that_gets_on():
    hours = Hours()
    asked = [hours.ask() for _ in range(11)]
    hours.life = 2
    for request in range(11, 21):
        hours.pass_by(module.SETTLE_S - 0.05)
        hours.hear(request)
    assert [ended(one) for one in asked] == [0] + 10 * [1]
    hours.pass_by(module.SETTLE_S + module.WATCH_S)
    assert ended(asked[0]) == -1007


def test_what_is_sent_to_the_next_matcher_has_its_whole_patience():
    hours = Hours()
    lost = hours.ask()
    hours.life = 2
    hours.pass_by(2 * module.WATCH_S)
    later = hours.ask()
    hours.pass_by(29)
    assert (ended(lost), ended(later)) == (-1007, 0)
    hours.pass_by(1.1)
    assert ended(later) == -1007


def test_a_change_of_matchers_while_nobody_waited_ends_nothing():
    hours = Hours()
    hours.ask()
    hours.hear(10)
    hours.pass_by(1)
    hours.life = 2
    waiting = hours.ask()
    hours.pass_by(29)
    assert ended(waiting) == 0


def test_a_matcher_that_takes_no_commands_for_a_while_is_still_the_same():
    hours = Hours()
    waiting = hours.ask()
    for life in (0, 1, 0, 1):
        hours.life = life
        hours.pass_by(5)
    assert ended(waiting) == 0


def test_a_full_wire_refuses_all_commands_of_the_turn_and_nothing_was_sent():
    async def story(gateway: Gateway, wire: Wire) -> None:
        wire.full = True
        answers = [gateway.ask({"kind": 1}), gateway.ask({"kind": 1})]
        assert [await refusal_of(one) for one in answers] == [(-1008, 503)] * 2
        assert gateway.pending == 0
        wire.full = False
        gateway.ask({"kind": 1})
        await asyncio.sleep(0)
        assert len(wire.commands()) == 1

    play(story)


def test_more_waiting_than_the_limit_is_refused_before_it_is_sent(monkeypatch):
    monkeypatch.setattr(module, "PENDING_LIMIT", 2)

    async def story(gateway: Gateway, wire: Wire) -> None:
        answers = [gateway.ask({"kind": 1}) for _ in range(3)]
        assert await refusal_of(answers[2]) == (-1008, 503)
        await asyncio.sleep(0)
        assert len(wire.commands()) == 2
        gateway.take([events((10, 1, EventFlag.LAST))])
        assert await answers[0]
        gateway.ask({"kind": 1})
        await asyncio.sleep(0)
        assert len(wire.commands()) == 3

    play(story)


def test_request_ids_go_round():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answers = [gateway.ask({"kind": 1}) for _ in range(3)]
        await asyncio.sleep(0)
        ids = wire.commands()["request_id"].tolist()
        assert ids == [2**32 - 2, 2**32 - 1, 0]
        gateway.take([events(*((one, one, EventFlag.LAST) for one in ids))])
        assert len(await asyncio.gather(*answers)) == 3

    play(story, first_id=2**32 - 2)


def test_two_workers_on_one_slot_start_with_different_ids():
    async def story(gateway: Gateway, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        starts = {Gateway(wire, SLOT, loop, 1.0, lambda: 1)._next_id for _ in range(8)}
        assert len(starts) > 1

    play(story)


@pytest.mark.parametrize(
    "frame", [b"", b"x", b"x" * 400, frame_of(Command, np.zeros(1, Command.dtype))]
)
def test_a_frame_that_holds_no_events_is_dropped_and_the_next_one_counts(frame):
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask({"kind": 1})
        gateway.take([frame, events((10, 1, EventFlag.LAST))])
        assert (await answer)[0].order_id == 1

    play(story)


def test_a_client_that_went_away_does_not_disturb_the_others():
    async def story(gateway: Gateway, wire: Wire) -> None:
        gone, waiting = gateway.ask({"kind": 1}), gateway.ask({"kind": 1})
        gone.cancel()
        gateway.take([events((10, 1, EventFlag.LAST), (11, 2, EventFlag.LAST))])
        assert (await waiting)[0].order_id == 2

    play(story)


def test_closing_ends_what_waits_as_status_unknown():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask({"kind": 1})
        gateway.close()
        assert await refusal_of(answer) == (-1007, 504)

    play(story)


def test_a_field_that_a_command_does_not_have_is_a_bug():
    async def story(gateway: Gateway, wire: Wire) -> None:
        with pytest.raises(AssertionError, match="unknown field"):
            gateway.ask({"colour": 1})

    play(story)


def test_a_process_takes_every_other_reply_slot_before_one_again(tmp_path, monkeypatch):
    monkeypatch.setattr(ReplySlot, "_last_of_process", 0)
    monkeypatch.setattr(module, "REPLY_SLOTS", 4)
    first, second = ReplySlot(tmp_path), ReplySlot(tmp_path)
    assert (first.number, second.number) == (1, 2)
    first.release()
    third = ReplySlot(tmp_path)
    assert third.number == 3, "the matcher may still send to whoever had 1"
    fourth = ReplySlot(tmp_path)
    assert fourth.number == 1
    with pytest.raises(NoSlot, match="all 3 reply slots"):
        ReplySlot(tmp_path)
    for slot in (second, third, fourth):
        slot.release()


def test_a_process_that_is_new_takes_the_lowest_free_reply_slot(tmp_path):
    held = ReplySlot(tmp_path)
    script = "import pathlib, sys; from ingress.gateway import ReplySlot; print(ReplySlot(pathlib.Path(sys.argv[1])).number)"
    lowest = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert int(lowest.stdout) == 1 + (held.number == 1)
    held.release()
