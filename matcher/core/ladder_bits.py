"""Read the bitmap of all ladders in plain Python, for the invariants."""

from collections.abc import Iterator

import numpy as np

from matcher.core.blocks import Array

Blocks = dict[str, Array]


def marked(blocks: Blocks, market: Array, ladder: int) -> Array:
    """Return the positions of one of an instrument's ladders that are marked as not empty."""
    count = int(market["level_count"])
    first = int(market["levels"]) + (ladder & 1) * count
    first += (ladder >> 1) * int(blocks["limits"]["ladder_cells"][0])
    return _marks(blocks, 0, first, first + count) - first


def tier_faults(blocks: Blocks) -> Iterator[str]:
    """Yield each tier that does not say exactly which words of the one below are not zero."""
    used = int(blocks["state"]["levels_used"][0])
    behind = int(blocks["limits"]["ladder_cells"][0])
    below = [(0, used), (behind, behind + used)]
    for tier in range(1, len(blocks["tiers"])):
        spans = [(first >> 6, (end + 63) >> 6) for first, end in below]
        expected = [_marks(blocks, tier - 1, *span) >> 6 for span in below]
        found = [_marks(blocks, tier, *span) for span in spans]
        if not np.array_equal(
            np.unique(np.concatenate(found)), np.unique(np.concatenate(expected))
        ):
            yield f"tier {tier} of the bitmap is wrong"
        below = spans


def _marks(blocks: Blocks, tier: int, first: int, end: int) -> Array:
    """Return the marks of a tier from `first` up to before `end`."""
    offset = int(blocks["tiers"][tier])
    part = blocks["bits"][offset + (first >> 6) : offset + ((end + 63) >> 6)]
    places = np.flatnonzero(part)
    bits = np.unpackbits(part[places].view(np.uint8), bitorder="little").reshape(-1, 64)
    rows, columns = np.nonzero(bits)
    marks = ((places[rows] + (first >> 6)) << 6) + columns
    return marks[(marks >= first) & (marks < end)]
