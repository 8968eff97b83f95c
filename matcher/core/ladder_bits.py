"""Read a ladder's bitmap in plain Python, for the invariants."""

import numpy as np

from matcher.core.blocks import Array
from matcher.core.rows import TIERS

Blocks = dict[str, Array]


def set_bits(blocks: Blocks, market: Array, ladder: int, tier: int) -> Array:
    """Return the positions whose bit is set in one tier of a ladder's bitmap."""
    offsets = blocks["tiers"].reshape(-1)[int(market["tiers"]) : int(market["tiers"]) + TIERS]
    words = int(market["level_count"])
    for _ in range(tier + 1):
        words = (words + 63) >> 6
    first = int(offsets[tier]) + ladder * int(market["bit_words"])
    part = blocks["bits"][first : first + words]
    return np.array(
        [
            (int(place) << 6) + bit
            for place in np.flatnonzero(part)
            for bit in range(64)
            if int(part[place]) >> bit & 1
        ],
        np.int64,
    )
