"""Read whole text frames of a WebSocket client from what came in one read: their payloads, unmasked, one behind the other (RFC 6455 section 5.2).

What is no whole masked text frame with a length of one or two bytes is left to `runtime/websocket.py`.
"""

import numpy as np

from ingress.compiled import BYTES, COUNT, NUMBERS, OCTETS, compiled
from ingress.compiled.reading import whole
from ingress.compiled.tables import Numbers, Octets

_TEXT, _MASKED, _TWO_BYTES, _BYTE_BITS = 0x81, 0x80, 126, 8
_SHORT_HEAD, _HEAD, _MASK = 6, 8, 4


@compiled(BYTES, COUNT, COUNT, OCTETS, NUMBERS, NUMBERS)
def take_frames(
    read: bytes, at: int, longest: int, out: Octets, ends: Numbers, found: Numbers
) -> int:
    """Write the payloads of the frames from `at` on into `out`, and where each ends into `ends`, as far as there is room for both.

    longest: a longer payload is left. found[0]: gets how many frames there are. Returns where the next one begins.
    """
    data = np.frombuffer(read, np.uint8)
    count = to = 0
    while count < len(ends) and at + _HEAD <= len(data) and data[at] == _TEXT:
        length = whole(data[at + 1]) - _MASKED
        start = at + _SHORT_HEAD
        if length == _TWO_BYTES:
            length = whole(data[at + 2]) << _BYTE_BITS | whole(data[at + 3])
            start = at + _HEAD
        if length < 0 or length > longest or (length > _TWO_BYTES and start != at + _HEAD):
            break
        if start + length > len(data) or to + length > len(out):
            break
        mask, source = data[start - _MASK : start], data[start : start + length]
        place = out[to : to + length]
        for one in range(length):
            place[one] = source[one] ^ mask[one % _MASK]
        to += length
        ends[count] = to
        count += 1
        at = start + length
    found[0] = count
    return at
