"""Frames of the wire taken in together: all rows, in order, and never across a gap."""

import numpy as np

from broadcaster.intake import runs
from protocol.layout import Rows, joined, rows_of
from protocol.records import Event


def _frame(first: int, count: int) -> Rows:
    rows = rows_of(Event, count)
    rows["event_seq"] = np.arange(first, first + count)
    rows["price"] = rows["event_seq"] * 7
    return rows


def _seqs(parts: list[Rows]) -> list[list[int]]:
    return [part["event_seq"].tolist() for part in parts]


def test_frames_that_follow_each_other_are_one_run():
    found = list(runs([_frame(1, 2), _frame(3, 1), _frame(4, 3)]))
    assert _seqs(found) == [[1, 2, 3, 4, 5, 6]]
    assert found[0].dtype == Event.dtype
    assert found[0]["price"].tolist() == [7, 14, 21, 28, 35, 42]


def test_a_gap_ends_a_run():
    assert _seqs(list(runs([_frame(1, 2), _frame(4, 1), _frame(5, 1)]))) == [[1, 2], [4, 5]]


def test_a_frame_that_comes_twice_ends_a_run():
    assert _seqs(list(runs([_frame(1, 2), _frame(1, 2), _frame(3, 1)]))) == [[1, 2], [1, 2, 3]]


def test_no_frames_are_no_run():
    assert list(runs([])) == []


def test_a_single_part_is_joined_without_a_copy():
    rows = _frame(1, 2)
    assert joined(Event, [rows]) is rows


def test_parts_that_are_no_whole_memory_are_joined_by_their_rows():
    found = joined(Event, [_frame(1, 4)[::2], _frame(9, 1)])
    assert found["event_seq"].tolist() == [1, 3, 9]
