"""Tell plain orders of the WebSocket API: from the raw records of their events to whole frames with the answers.

What is said of the answers (`ingress/compiled/telling.py`) holds for each; those that are not plain are left out, and told in Python.
The bytes around an answer are those of `ws_message.answer_of` and `runtime.websocket.text_frame`.
"""

import numpy as np

from ingress.compiled import BYTES, COUNT, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.event_fields import ACCOUNT, OCTETS_EACH, WORDS_EACH, cut
from ingress.compiled.message_reading import HOW, ID_AT, ID_LENGTH
from ingress.compiled.order_told import NOT_PLAIN, ORDER_ROOM, put_order
from ingress.compiled.tables import Numbers, Octets, Table, Texts
from ingress.compiled.telling import add_backs, events_of_one, standing
from ingress.compiled.writing import END, piece, put, put_whole

TAKEN_10S, TAKEN_1D, NOW_10S, NOW_1D = range(4)
"""What `counts` holds of an order: its account's counts when it was let in, and now."""
_ID, _RESULT, _LIMITS = piece('{"id":'), piece(',"status":200,"result":'), piece(',"rateLimits":')
_TEXT, _TWO_BYTES, _BYTE, _BYTE_BITS = 0x81, 126, 0xFF, 8
_HEAD, _SHORT_HEAD, _LONGEST = 4, 2, (1 << 16) - 1
_ID_ROOM = 64


@bare
def count_now(counts: Numbers, taken: int, now: int, before: int, back: int) -> int:
    """Return what an account is told of one count: as it was, or, when its order gave some back, what is left of it now."""
    if back == before:
        return int(counts[taken])
    return int(max(counts[now] - back, 0))


@bare
def put_limits(
    out: Octets,
    at: int,
    limits: Octets,
    ends: Numbers,
    counts: Numbers,
    before: int,
    back: int,
    weight: int,
) -> int:
    """Write `rateLimits`; `limits` are the pieces between the counts, which end at `ends`.

    before, back: what the account has got back in this run without the order, and with it.
    """
    at = put(out, at, _LIMITS)
    at = put(out, at, limits[: ends[0]])
    at = put_whole(out, at, count_now(counts, TAKEN_10S, NOW_10S, before, back))
    at = put(out, at, limits[ends[0] : ends[1]])
    at = put_whole(out, at, count_now(counts, TAKEN_1D, NOW_1D, before, back))
    at = put(out, at, limits[ends[1] : ends[2]])
    at = put_whole(out, at, weight)
    return put(out, at, limits[ends[2] : ends[3]])


@bare
def put_end(out: Octets, start: int, end: int) -> int:
    """Close an answer, and write its frame's head into the room before it; return where the frame ends, -1: it is too long."""
    out[end] = END
    end += 1
    size = end - start - _HEAD
    if size > _LONGEST:
        return NOT_PLAIN
    out[start] = _TEXT
    if size < _TWO_BYTES:
        out[start + 1] = size
        for place in range(start + _SHORT_HEAD, end - _SHORT_HEAD):
            out[place] = out[place + _SHORT_HEAD]
        return end - _SHORT_HEAD
    out[start + 1] = _TWO_BYTES
    out[start + 2] = size >> _BYTE_BITS
    out[start + 3] = size & _BYTE
    return end


@bare
def back_of(words: Table, backs: Table, rows: int) -> int:
    """Return what the account of an order has got back until now."""
    account = cut(words[0], ACCOUNT)
    for row in range(rows):
        if backs[row, 0] == account:
            return int(backs[row, 1])
    return 0


@bare
def put_answer(
    octets: Texts,
    words: Table,
    texts: Octets,
    place: Numbers,
    unit_ns: int,
    symbols: Texts,
    instruments: Table,
    codes: Texts,
    assets: Table,
    out: Octets,
    at: int,
) -> int:
    """Write an answer up to its limits; return where it ends, -1: it is not plain. place: what was found of its message."""
    last = standing(octets, words)
    how = place[HOW]
    if last < 0 or how < 0:
        return NOT_PLAIN
    id_ = texts[place[ID_AT] : place[ID_AT] + place[ID_LENGTH]]
    at = put(out, put(out, put(out, at, _ID), id_), _RESULT)
    return int(
        put_order(octets, words, last, how, unit_ns, symbols, instruments, codes, assets, out, at)
    )


@compiled(
    BYTES, BYTES, TABLE, COUNT, COUNT, TEXTS, TABLE, TEXTS, TABLE,
    OCTETS, NUMBERS, TABLE, COUNT, OCTETS, TABLE, NUMBERS, NUMBERS,
)  # fmt: skip
def tell_messages(
    events: bytes,
    messages: bytes,
    found: Table,
    n: int,
    unit_ns: int,
    symbols: Texts,
    instruments: Table,
    codes: Texts,
    assets: Table,
    limits: Octets,
    limit_ends: Numbers,
    counts: Table,
    weight: int,
    out: Octets,
    backs: Table,
    ends: Numbers,
    rows_found: Numbers,
) -> int:
    """Write the frames that answer n new orders to `out`; return how many bytes, -1: these are not the events of n orders.

    events and the four tables as in `tell`; messages, found: as `read_messages` has them. limits, limit_ends: the pieces of `rateLimits`;
    no ends: they are not told. counts: a row for each order. weight: what the address has used. ends: gets where each order's frame ends,
    -1: it is not plain. backs: gets what accounts get back for the plain ones, as in `tell`, rows_found[0] how many rows.
    """
    if unit_ns < 1 or len(events) == 0 or len(events) % OCTETS_EACH != 0:
        return NOT_PLAIN
    octets = np.frombuffer(events, np.uint8).reshape((-1, OCTETS_EACH))
    words = np.frombuffer(events, np.int64).reshape((-1, WORDS_EACH))
    texts = np.frombuffer(messages, np.uint8)
    room = ORDER_ROOM + _ID_ROOM + len(limits) + _ID_ROOM
    at = first = rows = 0
    for order in range(n):
        own = events_of_one(octets[first:])
        if own == 0:
            return NOT_PLAIN
        mine, its = octets[first : first + own], words[first : first + own]
        first += own
        ends[order] = -1
        if at + room > len(out):
            continue
        end = put_answer(
            mine, its, texts, found[order], unit_ns, symbols, instruments, codes, assets, out, at + _HEAD
        )  # fmt: skip
        if end < 0 or end + room > len(out):
            continue
        before = back_of(its, backs, rows)
        rows = add_backs(mine, its, backs, rows)
        if rows < 0:
            # Some of this order's may be in already: all are told, and given back, in Python.
            return NOT_PLAIN
        if len(limit_ends) > 0:
            back = back_of(its, backs, rows)
            end = put_limits(out, end, limits, limit_ends, counts[order], before, back, weight)
        at = put_end(out, at, end)
        if at < 0:
            return NOT_PLAIN
        ends[order] = at
    rows_found[0] = rows
    return at if first == len(octets) else NOT_PLAIN
