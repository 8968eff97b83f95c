"""Answers of runs written by compiled code have the bytes of the Python way, frame by frame."""

from collections import Counter
from random import Random

import msgspec
import numpy as np
import pytest

from conf.sections import Rest, Ws
from ingress import present
from ingress.compiled.message_reading import FOUND, HOW, ID_AT, ID_LENGTH
from ingress.compiled.message_telling import (
    NOW_1D,
    NOW_10S,
    TAKEN_1D,
    TAKEN_10S,
    tell_messages,
)
from ingress.compiled.tables import ACK, FULL, RESULT
from ingress.limits import WsLimits
from ingress.responder import Reply
from ingress.ws_message import answer_of
from protocol.terms import EventFlag, EventKind
from runtime.websocket import text_frame
from tests.told_orders import (
    ANSWERS,
    MS,
    NAMES,
    Given,
    given_back,
    order,
    packed,
    trade,
    unpacked,
)

LIMITS = WsLimits(Rest(), Ws(), Given())
PIECES = LIMITS.orders_told.split(b"%d")
JOINED = np.frombuffer(b"".join(PIECES), np.uint8).copy()
ENDS = np.cumsum([len(piece) for piece in PIECES], dtype=np.int64)
NONE = np.zeros(0, np.int64)
WEIGHT = 1234


class Way:
    """What compiled code made of a run."""

    def __init__(self, frame, ids, answers, *, limits=True, room=1 << 17, backs=64, unit=MS):
        self.count = len(ids)
        self.counts = np.arange(4 * self.count).reshape(self.count, 4) + 100
        found = np.zeros((self.count, FOUND), np.int64)
        found[:, HOW] = answers
        found[:, ID_LENGTH] = [len(id_) for id_ in ids]
        found[:, ID_AT] = np.cumsum([0, *map(len, ids)])[:-1]
        out, ends = np.zeros(room, np.uint8), np.zeros(self.count, np.int64)
        back_rows, rows = np.zeros((backs, 2), np.int64), np.zeros(1, np.int64)
        length = tell_messages(
            frame, b"".join(ids), found, self.count, unit, *NAMES.tables, JOINED,
            ENDS if limits else NONE, self.counts, WEIGHT, out, back_rows, ends, rows,
        )  # fmt: skip
        self.ends, self.out = ends.tolist(), out.tobytes()
        self.plain = -1 if length < 0 else sum(end >= 0 for end in self.ends)
        if length >= 0:
            assert length == max(0, *self.ends)
        self.backs = Counter(dict(back_rows[: rows[0]].tolist()))

    def frames(self):
        """Return each order's frame, None where it has none."""
        at, frames = 0, []
        for end in self.ends:
            frames.append(None if end < 0 else self.out[at:end])
            at = max(at, end)
        return frames


def python_way(events, id_, answer, counts, *, unit=MS):
    """Return the frame of one order; `counts`: None tells no limits."""
    told = present.placed(events, events[0].order_id, ANSWERS[answer], present.Teller(NAMES, unit))
    reply = Reply(200, msgspec.json.encode(told), WEIGHT, counts)
    limits = None if counts is None else LIMITS.told(counts, WEIGHT)
    return text_frame(answer_of(id_, reply, limits, 0))


def agrees(orders, ids, answers, *, limits=True):
    """Tell a run both ways and compare; return how it was told."""
    frame = packed(orders)
    way = Way(frame, ids, answers, limits=limits)
    gone: Counter[int] = Counter()
    told = []
    for place, (events, mine) in enumerate(zip(unpacked(frame), way.frames(), strict=True)):
        if mine is None:
            continue
        told += events
        account, back = events[0].account, given_back(events)
        gone += back
        counts = way.counts[place, [TAKEN_10S, TAKEN_1D]]
        if back[account]:
            counts = np.maximum(way.counts[place, [NOW_10S, NOW_1D]] - gone[account], 0)
        expected = python_way(
            events, ids[place], answers[place], tuple(counts.tolist()) if limits else None
        )
        assert mine == expected
    assert way.backs == given_back(told)
    assert way.plain == sum(one is not None for one in way.frames())
    return way


PLAIN = [order(account=1)]
FILLED = [order(account=1), trade(account=1), trade(account=2, flags=EventFlag.MAKER, order_id=9)]
REJECTED = [order(kind=EventKind.REJECTED)]
PREVENTED = [order(account=1), order(kind=EventKind.PREVENTED)]


@pytest.mark.parametrize("limits", [True, False], ids=["limits", "none"])
@pytest.mark.parametrize("answer", [ACK, RESULT, FULL])
@pytest.mark.parametrize("id_", [b"1", b'"0b6d2a3c-36-characters-are-allowed.."', b"9" * 18])
def test_an_answer_has_the_bytes_of_the_python_way(limits, answer, id_):
    for events in (PLAIN, FILLED):
        assert agrees([events], [id_], [answer], limits=limits).plain == 1


def test_a_short_answer_has_a_short_head():
    short = [order(cl_ord_id=b"a", order_id=1, instrument=0)]
    way = agrees([short], [b"1"], [ACK], limits=False)
    (frame,) = way.frames()
    assert frame[1] == len(frame) - 2 < 126


@pytest.mark.parametrize("limits", [True, False], ids=["limits", "none"])
def test_orders_that_are_not_plain_have_no_frame_and_the_others_theirs(limits):
    orders = [PLAIN, REJECTED, FILLED, PREVENTED, FILLED, PLAIN]
    ids = [b"%d" % number for number in range(len(orders))]
    way = agrees(orders, ids, [FULL] * len(orders), limits=limits)
    assert [one is None for one in way.frames()] == [False, True, False, True, False, False]


@pytest.mark.parametrize("seed", range(30))
def test_runs_of_all_kinds_agree(seed):
    dice = Random(seed)
    kinds = (PLAIN, FILLED, FILLED, REJECTED, PREVENTED)
    orders = [
        [{**event, "account": dice.randrange(3)} for event in dice.choice(kinds)]
        for _ in range(dice.randrange(1, 40))
    ]
    ids = [b"%d" % dice.randrange(10**9) for _ in orders]
    answers = [dice.choice([ACK, RESULT, FULL]) for _ in orders]
    agrees(orders, ids, answers, limits=dice.random() < 0.5)


def test_what_does_not_fit_is_left_to_python():
    orders, ids = [PLAIN] * 5, [b"%d" % number for number in range(5)]
    whole = Way(packed(orders), ids, [FULL] * 5)
    assert whole.plain == 5
    for room in range(0, 8000, 97):
        way = Way(packed(orders), ids, [FULL] * 5, room=room)
        first = way.plain
        assert 0 <= first <= 5
        assert way.frames() == whole.frames()[:first] + [None] * (5 - first)


def test_more_accounts_than_there_is_room_for_are_left_to_python():
    filled = [trade(account=number, order_id=41) for number in range(5)]
    assert Way(packed([[order(), *filled]]), [b"1"], [FULL], backs=4).plain == -1
    assert Way(packed([[order(), *filled]]), [b"1"], [FULL], backs=5).plain == 1


@pytest.mark.parametrize(
    "frame",
    [b"", packed([PLAIN])[:-1], packed([PLAIN, PLAIN, PLAIN]), packed([PLAIN]), b"\0" * 640],
    ids=["nothing", "torn", "too many", "too few", "no last"],
)
def test_what_are_not_the_events_of_these_orders_is_left_to_python(frame):
    assert Way(frame, [b"1", b"2"], [FULL, FULL]).plain == -1


def test_an_id_beyond_the_text_is_never_read():
    frame = packed([PLAIN])
    way = Way(frame, [b"12"], [FULL])
    assert way.plain == 1
    found = np.zeros((1, FOUND), np.int64)
    found[0, ID_AT], found[0, ID_LENGTH] = 5, 10
    out, ends = np.zeros(1 << 13, np.uint8), np.zeros(1, np.int64)
    tell_messages(
        frame, b"12", found, 1, MS, *NAMES.tables, JOINED, NONE, way.counts, 0, out,
        np.zeros((1, 2), np.int64), ends, np.zeros(1, np.int64),
    )  # fmt: skip
    assert b'{"id":,' in out.tobytes()[: ends[0]]
