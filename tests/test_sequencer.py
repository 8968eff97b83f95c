import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.sequencer import TICK_INTERVAL_NS, Sequencer
from protocol.board import InstrumentRow, StatusRow
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind, ListKind, SessionPhase
from runtime.endpoints import frame_of

NOW = 1_700_000_000_000_000_000


class Desk:
    """A sequencer with the blocks that it reads."""

    def __init__(self, last_seq: int = 0, last_ns: int = 0, limit: int = 10) -> None:
        self.status = rows_of(StatusRow, 1)
        self.instruments = rows_of(InstrumentRow, 3)
        self.sequencer = Sequencer(
            {"status": self.status, "instruments": self.instruments}, last_seq, last_ns, limit
        )

    def admit(self, rows: Rows) -> None:
        self.sequencer.admit(frame_of(Command, rows))

    def batch(self, now_ns: int = NOW) -> Rows:
        return self.sequencer.batch(now_ns)


def orders(count: int, first_request: int = 1) -> Rows:
    rows = rows_of(Command, count)
    rows["kind"] = CommandKind.ENTER
    rows["reply_to"] = 3
    rows["request_id"] = np.arange(first_request, first_request + count)
    return rows


def legs(kind: ListKind = ListKind.OCO, count: int = 2, request: int = 9) -> Rows:
    rows = orders(count)
    rows["request_id"] = request
    rows["list_kind"], rows["legs"], rows["leg"] = kind, count, np.arange(count)
    return rows


def requests(rows: Rows) -> list[int]:
    return [int(one) for one in rows["request_id"]]


def test_commands_are_numbered_on_and_stamped_in_the_order_they_came() -> None:
    desk = Desk(last_seq=41)
    desk.admit(orders(2, first_request=7))
    desk.admit(orders(1, first_request=5))
    rows = desk.batch()
    assert requests(rows) == [7, 8, 5]
    assert rows["seq"].tolist() == [42, 43, 44]
    assert rows["at_ns"].tolist() == [NOW] * 3
    desk.admit(orders(1))
    assert desk.batch(NOW + 5)["seq"].tolist() == [45]
    assert len(desk.batch()) == 0


def test_numbers_and_times_that_came_from_outside_are_overwritten() -> None:
    desk = Desk()
    rows = orders(2)
    rows["seq"], rows["at_ns"] = 999, 1
    desk.admit(rows)
    stamped = desk.batch()
    assert (stamped["seq"].tolist(), stamped["at_ns"].tolist()) == ([1, 2], [NOW, NOW])


def test_time_never_falls_when_the_clock_is_set_back() -> None:
    desk = Desk(last_ns=NOW + 1000)
    times = []
    for now in (NOW, NOW + 2000, NOW - 10**12, NOW + 3000):
        desk.admit(orders(1))
        times += desk.batch(now)["at_ns"].tolist()
    assert times == [NOW + 1000, NOW + 2000, NOW + 2000, NOW + 3000]


def test_a_batch_holds_at_most_so_many_commands_and_the_rest_follows() -> None:
    desk = Desk(limit=10)
    desk.admit(orders(25))
    desk.admit(orders(3, first_request=26))
    assert not desk.sequencer.has_room
    found = [requests(desk.batch()) for _ in range(4)]
    assert [len(part) for part in found] == [10, 10, 8, 0]
    assert [one for part in found for one in part] == list(range(1, 29))
    assert desk.sequencer.waiting == 0
    assert desk.sequencer.has_room


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"hello",
        bytes(300),
        frame_of(Event, rows_of(Event, 1)),
        frame_of(Command, rows_of(Command, 2))[:-1],
    ],
)
def test_frames_that_hold_no_commands_are_counted_and_dropped(frame: bytes) -> None:
    desk = Desk()
    desk.sequencer.admit(frame)
    assert desk.sequencer.wrong_frames == 1
    assert len(desk.batch()) == 0


@given(st.binary(max_size=600))
def test_no_frame_from_outside_stops_the_sequencer(frame: bytes) -> None:
    desk = Desk()
    desk.sequencer.admit(frame)
    desk.admit(orders(1))
    assert len(desk.batch()) >= 1


@given(st.lists(st.binary(min_size=256, max_size=256), min_size=1, max_size=8), st.integers(1, 9))
def test_no_commands_from_outside_stop_the_sequencer(records: list[bytes], limit: int) -> None:
    desk = Desk(limit=limit)
    desk.admit(np.frombuffer(b"".join(records), Command.dtype))
    total = 0
    while len(rows := desk.batch()):
        total += len(rows)
    assert total <= len(records)


def test_a_batch_taken_back_gives_its_numbers_to_the_next() -> None:
    desk = Desk()
    desk.admit(orders(3))
    rows = desk.batch()
    desk.sequencer.take_back(rows)
    desk.admit(orders(1))
    assert desk.batch()["seq"].tolist() == [1]


def test_dropped_commands_leave_no_trace() -> None:
    desk = Desk(limit=2)
    desk.admit(orders(5))
    desk.batch()
    assert desk.sequencer.drop_waiting() == 3
    assert len(desk.batch()) == 0
    assert desk.sequencer.waiting == 0


# Lists


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_the_legs_of_a_list_are_never_in_two_batches(limit: int) -> None:
    desk = Desk(limit=limit)
    frame = np.concatenate([orders(1), legs(), legs(ListKind.OTOCO, 3), legs(), orders(2)])
    desk.admit(frame)
    found = []
    while len(rows := desk.batch()):
        assert rows["leg"][0] == 0
        assert rows["leg"][-1] == max(0, int(rows["legs"][-1]) - 1)
        assert len(rows) <= max(limit, 3)
        found.append(rows)
    assert requests(np.concatenate(found)) == requests(frame)


def wrong(rows: Rows, field: str, index: int, value: int) -> Rows:
    rows = rows.copy()
    rows[field][index] = value
    return rows


@pytest.mark.parametrize(
    "malformed",
    [
        legs()[:1],
        legs(ListKind.OTOCO, 3)[:2],
        legs(ListKind.OTOCO, 2),
        legs(ListKind.OCO, 3),
        wrong(legs(), "list_kind", 0, 77),
        wrong(legs(), "list_kind", 1, 77),
        wrong(legs(), "account", 1, 5),
        wrong(legs(), "instrument", 1, 5),
        wrong(legs(), "kind", 1, CommandKind.CANCEL),
        wrong(legs(), "leg", 1, 2),
        wrong(legs(), "legs", 0, 200),
    ],
)
def test_legs_that_do_not_fit_become_one_leg_that_the_core_rejects(malformed: Rows) -> None:
    desk = Desk()
    desk.admit(np.concatenate([orders(1, 4), malformed, legs(request=10), orders(1, 6)]))
    rows = desk.batch()
    assert requests(rows) == [4, 9, 10, 10, 6]
    assert rows["list_kind"][1]
    assert (rows["leg"][1], rows["legs"][1]) == (0, 0)
    assert rows["legs"][2:].tolist() == [2, 2, 0]


def test_a_leg_without_its_first_is_rejected_by_itself() -> None:
    desk = Desk()
    desk.admit(np.concatenate([legs()[1:], orders(1, 6)]))
    rows = desk.batch()
    assert requests(rows) == [9, 6]
    assert rows["legs"][0] == 0


def test_lists_of_two_waiters_with_one_request_number_stay_apart() -> None:
    desk = Desk()
    other = legs()
    other["reply_to"] = 4
    desk.admit(np.concatenate([legs()[:1], other]))
    rows = desk.batch()
    assert rows["reply_to"].tolist() == [3, 4, 4]
    assert rows["legs"].tolist() == [0, 2, 2]


# The clock


def test_the_clock_ticks_before_the_commands_when_something_is_due() -> None:
    desk = Desk()
    desk.status["next_due_ns"] = NOW
    desk.admit(orders(2))
    assert len(desk.batch(NOW - 1)) == 2
    desk.admit(orders(2))
    rows = desk.batch(NOW)
    assert rows["kind"].tolist() == [CommandKind.TICK, CommandKind.ENTER, CommandKind.ENTER]
    assert rows["seq"].tolist() == [3, 4, 5]
    assert requests(rows) == [0, 1, 2]


def test_each_due_time_ticks_once_and_again_only_after_the_interval() -> None:
    desk = Desk()
    desk.status["next_due_ns"] = NOW
    assert len(desk.batch(NOW)) == 1
    assert len(desk.batch(NOW + TICK_INTERVAL_NS - 1)) == 0
    assert len(desk.batch(NOW + TICK_INTERVAL_NS)) == 1
    desk.status["next_due_ns"] = NOW + 5
    assert len(desk.batch(NOW + TICK_INTERVAL_NS + 1)) == 1
    desk.status["next_due_ns"] = 0
    assert len(desk.batch(NOW + 10 * TICK_INTERVAL_NS)) == 0


@pytest.mark.parametrize("phase", list(SessionPhase))
def test_the_clock_ticks_while_any_instrument_is_in_a_call(phase: SessionPhase) -> None:
    calls = {
        SessionPhase.OPENING_AUCTION,
        SessionPhase.VOLATILITY_AUCTION,
        SessionPhase.CLOSING_AUCTION,
    }
    desk = Desk()
    desk.instruments["phase"] = [SessionPhase.CONTINUOUS, phase, 0]
    ticks = [len(desk.batch(NOW + step * TICK_INTERVAL_NS // 5)) for step in range(11)]
    expected = [1, 0, 0, 0, 0] * 2 + [1] if phase in calls else [0] * 11
    assert ticks == expected


def test_a_due_time_is_measured_by_the_time_that_never_falls() -> None:
    desk = Desk(last_ns=NOW)
    desk.status["next_due_ns"] = NOW
    rows = desk.batch(NOW - 10**12)
    assert rows["at_ns"].tolist() == [NOW]
