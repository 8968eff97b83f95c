"""The feed: live frames, the replay that fills a gap, and how the two are joined."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from protocol.layout import Rows, rows_of
from protocol.records import Event
from protocol.stream import Gap
from runtime.endpoints import frame_of
from writer import feed
from writer.feed import Feed


def frame(*event_seqs: int) -> bytes:
    rows = rows_of(Event, len(event_seqs))
    rows["event_seq"] = event_seqs
    return frame_of(Event, rows)


class FakeWire:
    """A wire whose frames are put in by hand."""

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()

    def drain(self, limit: int) -> Iterator[bytes]:
        for _ in range(min(limit, len(self.frames))):
            yield self.frames.popleft()

    def wait(self, timeout_ms: int) -> bool:
        return bool(self.frames)


class FakeReplay:
    """A replay that gives these portions, then ends."""

    def __init__(self, portions: list[list[bytes]]) -> None:
        self.portions = portions
        self.closed = False

    def read(self, timeout_s: float) -> list[bytes] | None:
        return self.portions.pop(0) if self.portions else None

    def close(self) -> None:
        self.closed = True


class Stage:
    """A feed with its wire and the replays that it starts."""

    def __init__(self, *replays: list[list[bytes]], first: int = 1, limit: int = 100) -> None:
        self.wire = FakeWire()
        self.asked: list[int] = []
        self.replays = [FakeReplay(portions) for portions in replays]
        self.published = 0
        self.feed = Feed(self.wire, self._start, first, limit, lambda: self.published)

    def _start(self, event_seq: int) -> FakeReplay:
        self.asked.append(event_seq)
        return self.replays[len(self.asked) - 1]

    def taken(self, turns: int = 6) -> list[int]:
        found: list[Rows] = []
        for _ in range(turns):
            found += self.feed.take()
        return [int(seq) for rows in found for seq in rows["event_seq"]]


def test_what_happened_before_the_start_comes_from_a_replay() -> None:
    stage = Stage([[frame(4, 5)], [frame(6)]], first=4)
    assert stage.taken() == [4, 5, 6]
    assert stage.asked == [4]
    assert stage.feed.is_live
    assert stage.replays[0].closed


def test_it_says_whether_live_events_wait() -> None:
    stage = Stage([[frame(1)]])
    stage.wire.frames.append(frame(2))
    assert not stage.feed.has_more
    assert stage.taken(1) == [1]
    # What came while the replay ran was kept.
    assert stage.feed.has_more
    assert stage.taken(1) == [2]
    assert not stage.feed.has_more
    stage.wire.frames.append(frame(3))
    assert stage.feed.has_more


def test_live_events_continue_where_the_replay_ended() -> None:
    stage = Stage([[frame(1, 2)], [frame(3)]])
    stage.wire.frames.extend([frame(2, 3), frame(4)])
    assert stage.taken() == [1, 2, 3, 4]
    stage.wire.frames.append(frame(5, 6))
    assert stage.taken() == [5, 6]
    assert stage.asked == [1]


def test_a_gap_on_the_wire_is_filled_from_the_journal() -> None:
    stage = Stage([], [[frame(3, 4)]])
    stage.wire.frames.extend([frame(1, 2)])
    assert stage.taken() == [1, 2]
    stage.wire.frames.extend([frame(5), frame(6)])
    assert stage.taken() == [3, 4, 5, 6]
    assert stage.asked == [1, 3]
    assert stage.feed.replays == 2


def test_events_that_were_dropped_before_a_silence_are_filled_from_the_journal() -> None:
    stage = Stage([], [[frame(3, 4)]])
    stage.wire.frames.append(frame(1, 2))
    stage.published = 4
    assert stage.taken(12) == [1, 2, 3, 4]
    assert stage.asked == [1, 3]
    assert stage.taken(12) == []
    assert stage.asked == [1, 3]


def test_silence_alone_starts_no_replay() -> None:
    stage = Stage([])
    stage.wire.frames.append(frame(1, 2))
    stage.published = 2
    assert stage.taken(12) == [1, 2]
    assert stage.asked == [1]


def test_events_before_a_gap_are_not_lost() -> None:
    stage = Stage([], [[frame(3)]])
    stage.wire.frames.extend([frame(1, 2), frame(4)])
    assert stage.taken() == [1, 2, 3, 4]


def test_when_too_many_live_events_came_meanwhile_another_replay_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "KEPT_EVENTS", 3)
    stage = Stage([[frame(1)]], [[frame(2, 3)], [frame(4)]])
    stage.wire.frames.extend([frame(2), frame(3), frame(4), frame(5), frame(6)])
    assert stage.taken(10) == [1, 2, 3, 4, 5, 6]
    assert stage.asked == [1, 2]


def test_frames_that_come_twice_are_taken_once() -> None:
    stage = Stage([])
    stage.wire.frames.extend([frame(1, 2), frame(1, 2), frame(2, 3)])
    assert stage.taken() == [1, 2, 3]


def test_a_gap_in_a_replay_is_an_error_not_another_replay() -> None:
    stage = Stage([[frame(2)]])
    with pytest.raises(Gap):
        stage.taken()
    assert stage.asked == [1]


def test_one_turn_takes_about_the_limit() -> None:
    stage = Stage([], limit=4)
    stage.wire.frames.extend(frame(seq, seq + 1) for seq in range(1, 21, 2))
    assert stage.taken(1) == []
    assert stage.taken(1) == [1, 2, 3, 4]
    assert stage.taken(9) == list(range(5, 21))


def test_a_replay_is_read_up_to_the_limit_in_one_turn() -> None:
    stage = Stage([[frame(1, 2)], [frame(3, 4)], [frame(5)]], limit=4)
    assert stage.taken(1) == [1, 2, 3, 4]
    assert not stage.feed.is_live
    assert stage.taken(1) == [5]


def test_closing_ends_a_running_replay() -> None:
    stage = Stage([[frame(1)]])
    stage.feed.close()
    assert stage.replays[0].closed


def test_whatever_is_dropped_and_doubled_every_event_comes_once_and_in_order() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        wire, made = FakeWire(), 0

        def start(event_seq: int) -> FakeReplay:
            portions = [[frame(*range(event_seq, made + 1))]] if event_seq <= made else []  # noqa: B023
            return FakeReplay(portions)

        live = Feed(wire, start, 1, 50)
        found: list[int] = []
        for _ in range(60):
            count = int(random.integers(1, 5))
            sent = frame(*range(made + 1, made + count + 1))
            made += count
            if random.random() < 0.6:
                wire.frames.extend([sent] * int(random.integers(1, 3)))
            found += [int(seq) for rows in live.take() for seq in rows["event_seq"]]
        wire.frames.append(frame(made + 1))
        for _ in range(200):
            found += [int(seq) for rows in live.take() for seq in rows["event_seq"]]
        assert found == list(range(1, made + 2))
