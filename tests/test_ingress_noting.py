"""Durations noted by compiled code lie in the histograms where `Histogram.note` would put them."""

import random

import numpy as np
import pytest

from ingress.compiled.noting import note_four
from runtime.meters import BOUNDS_NS, LONGEST_NS, Histogram, Meter, Meters

NAMES = "abcd"
BOUNDS = np.array(BOUNDS_NS, np.int64)


def meters() -> tuple[Meters, list[Histogram]]:
    made = Meters(None, "test", [Meter(name, "histogram", "Why.") for name in NAMES])
    return made, [made.histogram(name) for name in NAMES]


def durations() -> list[int]:
    """All that may be seen: each bound and its neighbours, nothing, clocks that went back, stamps of 0."""
    edges = [bound + step for bound in BOUNDS_NS for step in (-1, 0, 1)]
    beyond = [LONGEST_NS - 1, LONGEST_NS, LONGEST_NS + 1, 1_700_000_000 * 10**9]
    return [-(10**18), -1, 0, 1, *edges, *beyond, *(random.Random(1).choices(range(10**7), k=50))]


@pytest.mark.parametrize("times", [1, 2, 64])
def test_four_durations_are_noted_as_one_by_one(times):
    (python, one_by_one), (compiled, places) = meters(), meters()
    ats = [place.at for place in places]
    found = durations()
    for turn in range(len(found)):
        four = [found[(turn + 7 * number) % len(found)] for number in range(4)]
        for histogram, duration_ns in zip(one_by_one, four, strict=True):
            histogram.note(duration_ns, times)
        pairs = [number for pair in zip(ats, four, strict=True) for number in pair]
        assert note_four(compiled.numbers, BOUNDS, LONGEST_NS, times, *pairs) == 0
        assert compiled.numbers.tolist() == python.numbers.tolist(), four
    assert sum(python.numbers) > 0


def test_a_sum_that_is_full_begins_anew_as_in_python():
    (python, one_by_one), (compiled, places) = meters(), meters()
    for one in (python, compiled):
        one.numbers[places[1].at + len(BOUNDS_NS) + 1] = (1 << 63) - 5
    one_by_one[1].note(10, 3)
    for other in (0, 2, 3):
        one_by_one[other].note(0, 3)
    pairs = [number for at, ns in zip(places, (0, 10, 0, 0), strict=True) for number in (at.at, ns)]
    note_four(compiled.numbers, BOUNDS, LONGEST_NS, 3, *pairs)
    assert compiled.numbers.tolist() == python.numbers.tolist()


def test_a_histogram_beyond_the_cells_is_a_bug():
    made, places = meters()
    end = len(made.numbers)
    with pytest.raises(IndexError):
        note_four(made.numbers, BOUNDS, LONGEST_NS, 1, places[0].at, 1, end, 1, end, 1, end, 1)
