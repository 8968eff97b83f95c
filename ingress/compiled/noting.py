"""Note how long the stages of a request took, in the cells of the histograms (`runtime/meters.py: Histogram.note`).

Four durations are noted of every order: one by one in Python they took 1.8 µs longer. `tests/test_ingress_noting.py`
holds the two together.
"""

import numpy as np

from ingress.compiled import COUNT, NUMBERS, bare, compiled
from ingress.compiled.tables import Numbers

_SUM_LIMIT = (1 << 63) - 1


@bare
def note(
    cells: Numbers, bounds: Numbers, longest_ns: int, times: int, at: int, duration_ns: int
) -> None:
    """Count a duration so many times in the histogram whose buckets begin at a cell; behind them lies the sum."""
    held_ns = min(max(duration_ns, 0), longest_ns)
    end = at + len(bounds) + 1
    cells[at + np.searchsorted(bounds, held_ns)] += times
    room = _SUM_LIMIT - held_ns * times
    if cells[end] > room:
        # A sum of 63 bits that is full begins anew.
        cells[end] -= room + 1
    else:
        cells[end] += held_ns * times


@compiled(
    NUMBERS, NUMBERS, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT
)  # fmt: skip
def note_four(
    cells: Numbers,
    bounds: Numbers,
    longest_ns: int,
    times: int,
    at_first: int,
    first_ns: int,
    at_second: int,
    second_ns: int,
    at_third: int,
    third_ns: int,
    at_fourth: int,
    fourth_ns: int,
) -> int:
    """Count four durations so many times, each in its own histogram; returns 0.

    bounds: the upper ends of the buckets. longest_ns: what is longer counts as this; times: few enough that so many
    of the longest fit into 63 bits.
    """
    note(cells, bounds, longest_ns, times, at_first, first_ns)
    note(cells, bounds, longest_ns, times, at_second, second_ns)
    note(cells, bounds, longest_ns, times, at_third, third_ns)
    note(cells, bounds, longest_ns, times, at_fourth, fourth_ns)
    return 0
