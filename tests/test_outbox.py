from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.outbox import FRAME_EVENTS, WAITERS_KEPT, Outbox, whole_commands
from protocol.layout import Rows, rows_of
from protocol.records import Event
from runtime.endpoints import REPLY_SLOTS, rows_in


class Wire:
    """A wire that keeps its frames; it has room for `room` of them."""

    def __init__(self, log: list[str], name: str, room: int = 1000) -> None:
        self.log, self.name, self.room = log, name, room
        self.frames: list[Rows] = []
        self.lingered = -1

    def send(self, frame: bytes) -> bool:
        if len(self.frames) >= self.room:
            return False
        self.log.append(self.name)
        self.frames.append(rows_in(Event, frame))
        return True

    def close(self, linger_ms: int = 0) -> None:
        self.lingered = linger_ms


class Wires:
    def __init__(self, room: int = 1000) -> None:
        self.log: list[str] = []
        self.events = Wire(self.log, "events", room)
        self.market = Wire(self.log, "market")
        self.waiters: dict[int, Wire] = {}
        self.room = room
        self.outbox = Outbox(self.events, self.market, self.connect)

    def connect(self, slot: int) -> Wire:
        assert slot not in self.waiters
        self.waiters[slot] = Wire(self.log, f"reply {slot}", self.room)
        return self.waiters[slot]


def events(seqs: list[int], slots: list[int] | int = 0) -> Rows:
    rows = rows_of(Event, len(seqs))
    rows["seq"], rows["reply_to"] = seqs, slots
    rows["event_seq"] = np.arange(1, len(seqs) + 1)
    return rows


def numbers(frames: list[Rows]) -> list[list[int]]:
    return [rows["event_seq"].tolist() for rows in frames]


def test_each_waiter_hears_its_own_in_one_frame_and_everyone_else_all() -> None:
    wires = Wires()
    wires.outbox.tell(events([1, 1, 2, 3, 4], [7, 7, 0, 9, 7]))
    assert numbers(wires.waiters[7].frames) == [[1, 2, 5]]
    assert numbers(wires.waiters[9].frames) == [[4]]
    assert numbers(wires.events.frames) == numbers(wires.market.frames) == [[1, 2, 3, 4, 5]]
    assert 0 not in wires.waiters


def test_many_answers_to_one_waiter_leave_in_frames_of_whole_commands() -> None:
    wires = Wires()
    wires.outbox.tell(events([seq for seq in range(1, FRAME_EVENTS) for _ in range(3)], 7))
    mine, all_of_it = wires.waiters[7].frames, wires.events.frames
    assert len(mine) == 3
    assert numbers(mine) == numbers(all_of_it)
    assert [frame["seq"][0] for frame in mine[1:]] == [frame["seq"][-1] + 1 for frame in mine[:-1]]
    assert wires.log == ["reply 7"] * 3 + ["events", "market"] * 3


def test_answers_leave_before_the_rest() -> None:
    wires = Wires()
    wires.outbox.tell(events([1, 2], [7, 9]))
    assert wires.log == ["reply 7", "reply 9", "events", "market"]


def test_no_events_are_no_frame() -> None:
    wires = Wires()
    wires.outbox.tell(events([]))
    assert wires.log == []


def test_a_waiter_is_connected_once() -> None:
    wires = Wires()
    for seq in (1, 2, 3):
        wires.outbox.tell(events([seq], 7))
    assert len(wires.waiters[7].frames) == 3


def test_of_many_waiters_the_ones_that_heard_nothing_longest_are_let_go() -> None:
    wires = Wires()
    for slot in range(1, WAITERS_KEPT + 1):
        wires.outbox.tell(events([slot], slot))
    wires.outbox.tell(events([500], 1))
    wires.outbox.tell(events([501, 502], [800, 801]))
    gone = {slot for slot, wire in wires.waiters.items() if wire.lingered > 0}
    assert gone == {2, 3}, "1 has heard something since"
    wires.waiters.pop(2)
    wires.outbox.tell(events([503], 2))
    assert len(wires.waiters[2].frames) == 1


def test_a_slot_that_does_not_exist_is_ignored() -> None:
    wires = Wires()
    wires.outbox.tell(events([1, 2], [REPLY_SLOTS, 65535]))
    assert wires.waiters == {}
    assert numbers(wires.events.frames) == [[1, 2]]


def test_full_wires_drop_their_frames_and_are_counted() -> None:
    wires = Wires(room=1)
    for seq in (1, 2, 3):
        wires.outbox.tell(events([seq], 7))
    assert (wires.outbox.dropped_replies, wires.outbox.dropped_events) == (2, 2)
    assert len(wires.market.frames) == 3


def test_closing_gives_every_wire_its_time() -> None:
    wires = Wires()
    wires.outbox.tell(events([1, 2], [7, 9]))
    wires.outbox.close(250)
    assert {wire.lingered for wire in (wires.events, wires.market, *wires.waiters.values())} == {
        250
    }


@given(st.lists(st.integers(1, 2 * FRAME_EVENTS), min_size=1, max_size=12))
def test_frames_are_cut_between_commands_only_and_stay_short(counts: list[int]) -> None:
    rows = events([seq for seq, count in enumerate(counts, 1) for _ in range(count)])
    parts = list(whole_commands(rows))
    assert (np.concatenate(parts) == rows).all()
    for part, following in pairwise(parts):
        assert part["seq"][-1] != following["seq"][0]
    for part in parts:
        last_command = part["seq"] == part["seq"][-1]
        assert len(part) - last_command.sum() < FRAME_EVENTS


def test_no_rows_have_no_parts() -> None:
    assert list(whole_commands(events([]))) == []


@pytest.mark.parametrize("count", [1, FRAME_EVENTS, FRAME_EVENTS + 1, 5 * FRAME_EVENTS])
def test_one_large_command_is_one_frame(count: int) -> None:
    wires = Wires()
    wires.outbox.tell(events([5] * count))
    assert [len(frame) for frame in wires.events.frames] == [count]
