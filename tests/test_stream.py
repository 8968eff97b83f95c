import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import Rows, rows_of
from protocol.records import Event
from protocol.stream import EventStream, Gap


def events(*seqs: int) -> Rows:
    rows = rows_of(Event, len(seqs))
    rows["event_seq"] = seqs
    return rows


def seqs_of(rows: Rows) -> list[int]:
    return [int(seq) for seq in rows["event_seq"]]


def test_events_in_order_are_all_new() -> None:
    stream = EventStream(1)
    assert seqs_of(stream.take(events(1, 2, 3))) == [1, 2, 3]
    assert seqs_of(stream.take(events(4))) == [4]
    assert stream.next_event_seq == 5


def test_events_seen_before_are_dropped() -> None:
    stream = EventStream(4)
    assert seqs_of(stream.take(events(1, 2))) == []
    assert seqs_of(stream.take(events(2, 3, 4, 5))) == [4, 5]
    assert seqs_of(stream.take(events(4, 5))) == []
    assert stream.next_event_seq == 6


def test_no_events_change_nothing() -> None:
    stream = EventStream(4)
    assert len(stream.take(events())) == 0
    assert stream.next_event_seq == 4


@pytest.mark.parametrize(
    ("rows", "expected", "found"),
    [((8, 9), 7, 8), ((7, 8, 10), 9, 10), ((5, 6, 9), 7, 9), ((9, 7), 7, 9)],
)
def test_a_gap_names_the_first_missing_event_and_takes_nothing(
    rows: tuple[int, ...], expected: int, found: int
) -> None:
    stream = EventStream(7)
    with pytest.raises(Gap, match=f"event {found} came where {expected} was expected") as caught:
        stream.take(events(*rows))
    assert (caught.value.expected, caught.value.found) == (expected, found)
    assert stream.next_event_seq == 7
    assert seqs_of(stream.take(events(7))) == [7]


def test_overlapping_frames_put_together_count_once() -> None:
    assert seqs_of(EventStream(2).take(events(1, 2, 3, 2, 3, 4, 4, 5))) == [2, 3, 4, 5]


def test_a_dense_frame_is_not_copied() -> None:
    rows = events(3, 4, 5)
    assert np.shares_memory(EventStream(4).take(rows), rows)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), max_size=30))
def test_whatever_is_sent_each_event_is_taken_once_and_in_order(
    frames: list[tuple[int, int]],
) -> None:
    stream, taken = EventStream(1), []
    for first, count in frames:
        before = stream.next_event_seq
        rows = events(*range(first, first + count))
        if first > before:
            with pytest.raises(Gap):
                stream.take(rows)
        else:
            taken += seqs_of(stream.take(rows))
            assert stream.next_event_seq == max(before, first + count)
    assert taken == list(range(1, stream.next_event_seq))
