"""Commands that are records already, and answers that stay bytes (`Gateway.ask_records`)."""

import asyncio

import numpy as np
import pytest

from ingress import gateway as module
from ingress.errors import Refused
from ingress.gateway import FRAME_COMMANDS, Gateway, RawAnswer
from ingress.rows import Shape, reader_of
from ingress.stopwatch import WHOLE, Stopwatch
from ingress.timing import begin
from protocol.layout import rows_from
from protocol.records import Command, Event
from protocol.terms import EventFlag
from runtime.endpoints import HEAD_SIZE, frame_around, frame_of, rows_in
from runtime.meters import readings
from runtime.trail import Trail
from tests.rest_house import House
from tests.test_ingress_gateway import SLOT, Hours, Wire, ended, events, play

LAST = EventFlag.LAST
_COMMANDS = Shape(Command)


def records(*order_ids: int) -> bytearray:
    """Commands one behind the other, as compiled code leaves them."""
    packed = [_COMMANDS.pack({"kind": 1, "order_id": one, "term": one}) for one in order_ids]
    return bytearray(b"".join(packed))


def told(answers: list[RawAnswer]) -> list[int | list[int]]:
    """Return what each command heard: the order ids of its events, or the code that it was refused with."""
    return [
        one.code if isinstance(one, Refused) else rows_from(Event, one)["order_id"].tolist()
        for one in answers
    ]


def test_records_leave_in_their_order_with_their_return_address():
    async def story(gateway: Gateway, wire: Wire) -> None:
        asked = records(1, 2, 3)
        gateway.ask_records(asked, 3)
        sent = np.frombuffer(bytes(asked), Command.dtype)
        asked[:] = bytes(len(asked))  # the caller's again
        assert wire.frames == []
        await asyncio.sleep(0)
        rows = wire.commands()
        assert len(wire.frames) == 1
        assert rows["request_id"].tolist() == [10, 11, 12]
        assert rows["reply_to"].tolist() == [SLOT] * 3
        assert (rows["received_ns"] > 0).all()
        assert rows.tobytes() == sent.tobytes(), "what the caller holds is what was sent"
        for field, value in (("reply_to", 0), ("request_id", 0), ("received_ns", 0)):
            rows = rows.copy()
            rows[field] = value
        assert rows.tobytes() == records(1, 2, 3), "nothing else was touched"
        gateway.close()

    play(story)


def test_only_as_many_records_leave_as_were_asked_for():
    async def story(gateway: Gateway, wire: Wire) -> None:
        asked = records(1, 2, 3)
        gateway.ask_records(asked, 2)
        await asyncio.sleep(0)
        assert wire.commands()["order_id"].tolist() == [1, 2]
        assert asked[2 * 256 :] == records(3)
        assert gateway.pending == 2
        gateway.close()

    play(story)


@pytest.mark.parametrize("count", [0, 4])
def test_a_number_of_commands_that_the_records_do_not_hold_is_a_bug(count):
    async def story(gateway: Gateway, wire: Wire) -> None:
        with pytest.raises(AssertionError, match="bytes"):
            gateway.ask_records(records(1, 2, 3), count)
        assert gateway.pending == 0

    play(story)


def test_ids_go_round_within_a_batch():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask_records(records(1, 2, 3, 4), 4)
        later = gateway.ask({"kind": 1})
        await asyncio.sleep(0)
        assert wire.commands()["request_id"].tolist() == [2**32 - 2, 2**32 - 1, 0, 1, 2]
        gateway.take([events((1, 4, LAST), (0, 3, LAST), (2**32 - 1, 2, LAST))])
        gateway.take([events((2, 5, LAST), (2**32 - 2, 1, LAST))])
        assert told(await answer) == [[1], [2], [3], [4]]
        assert (await later)[0].order_id == 5

    play(story, first_id=2**32 - 2)


def test_both_ways_to_ask_share_frames_and_each_hears_its_own_kind():
    async def story(gateway: Gateway, wire: Wire) -> None:
        first = gateway.ask({"order_id": 1})
        batch = gateway.ask_records(records(2, 3), 2)
        last = gateway.ask({"order_id": 4})
        alone = gateway.ask_records(records(5), 1)
        await asyncio.sleep(0)
        assert len(wire.frames) == 1
        assert wire.commands()["order_id"].tolist() == [1, 2, 3, 4, 5]
        assert wire.commands()["request_id"].tolist() == [10, 11, 12, 13, 14]
        frame = events(*((request_id, request_id, LAST) for request_id in (14, 12, 10, 13, 11)))
        gateway.take([frame])
        assert [event.order_id for event in (await first) + (await last)] == [10, 13]
        assert told(await batch) == [[11], [12]]
        assert await alone == [frame[HEAD_SIZE : HEAD_SIZE + 320]]

    play(story)


def test_a_batch_is_not_cut_and_a_full_frame_does_not_wait():
    async def story(gateway: Gateway, wire: Wire) -> None:
        gateway.ask({"kind": 1})
        gateway.ask_records(records(*range(FRAME_COMMANDS - 2)), FRAME_COMMANDS - 2)
        assert wire.frames == []
        gateway.ask_records(records(*range(50)), 50)
        assert [len(rows_in(Command, frame)) for frame in wire.frames] == [FRAME_COMMANDS + 49]
        gateway.ask_records(records(1), 1)
        assert len(wire.frames) == 1
        await asyncio.sleep(0)
        assert [len(rows_in(Command, frame)) for frame in wire.frames[1:]] == [1]
        gateway.close()

    play(story)


def test_a_batch_is_answered_when_its_last_command_is_whatever_comes_between():
    async def story(gateway: Gateway, wire: Wire) -> None:
        other = gateway.ask({"kind": 1})
        batch = gateway.ask_records(records(1, 2, 3), 3)
        gateway.take([events((12, 20, LAST), (10, 1, 0), (11, 10, 0), (99, 9, LAST))])
        gateway.take([events((11, 11, 0), (13, 30, 0), (10, 2, LAST), (11, 12, LAST))])
        assert [event.order_id for event in await other] == [1, 2]
        assert not batch.done() and gateway.pending == 1
        gateway.take([events((12, 21, LAST), (13, 31, LAST))])
        assert told(await batch) == [[10, 11, 12], [20], [30, 31]]
        assert gateway.pending == 0

    play(story)


def test_the_many_events_of_one_command_come_as_the_bytes_they_travelled_in():
    async def story(gateway: Gateway, wire: Wire) -> None:
        answer = gateway.ask_records(records(1), 1)
        first = events(*((10, number, 0) for number in range(700)))
        second = events(*((10, number, 0) for number in range(300)), (10, 5, LAST), (10, 6, LAST))
        gateway.take([first])
        assert not answer.done()
        gateway.take([second])
        assert await answer == [first[HEAD_SIZE:] + second[HEAD_SIZE:-320]]

    play(story)


def test_part_of_a_batch_that_is_not_answered_in_time_is_unknown():
    hours = Hours()
    batch = hours.gateway.ask_records(records(1, 2, 3), 3)
    hours.hear(11)
    hours.gateway.take([events((12, 30, 0))])
    hours.pass_by(29)
    assert not batch.done()
    hours.pass_by(1.1)
    assert told(batch.result()) == [-1007, [11], -1007], "half an answer is none"
    assert hours.gateway.pending == 0
    hours.hear(10, 12)
    assert told(batch.result()) == [-1007, [11], -1007]


def test_what_a_batch_lost_with_its_matcher_is_unknown_soon():
    hours = Hours()
    batch = hours.gateway.ask_records(records(1, 2, 3), 3)
    hours.life = 2
    hours.pass_by(module.SETTLE_S - 0.05)
    hours.hear(11)
    later = hours.gateway.ask_records(records(4), 1)
    hours.pass_by(module.SETTLE_S - 0.05)
    assert not batch.done(), "the next one still answers what lay in the wire"
    hours.pass_by(3 * module.WATCH_S)
    assert told(batch.result()) == [-1007, [11], -1007]
    assert not later.done()
    hours.pass_by(30)
    assert told(later.result()) == [-1007]


def test_the_look_begins_anew_with_a_batch_when_nothing_waited():
    hours = Hours()
    hours.ask()
    hours.hear(10)
    hours.pass_by(1)
    hours.life = 2
    batch = hours.gateway.ask_records(records(1), 1)
    hours.pass_by(29)
    assert not batch.done()
    hours.pass_by(1.1)
    assert told(batch.result()) == [-1007]


def test_closing_ends_what_is_open_of_a_batch_as_status_unknown():
    async def story(gateway: Gateway, wire: Wire) -> None:
        batch = gateway.ask_records(records(1, 2), 2)
        gateway.take([events((11, 2, LAST))])
        gateway.close()
        assert told(await batch) == [-1007, [2]]
        assert gateway.pending == 0

    play(story)


@pytest.mark.parametrize("count", [1, 2, FRAME_COMMANDS])
def test_a_wire_that_takes_nothing_refuses_every_command_of_a_batch(count):
    async def story(gateway: Gateway, wire: Wire) -> None:
        wire.full = True
        other = gateway.ask({"kind": 1})
        batch = gateway.ask_records(records(*range(count)), count)
        assert told(await batch) == [-1008] * count
        await asyncio.sleep(0)
        assert ended(other) == -1008
        assert gateway.pending == 0
        wire.full = False
        gateway.ask_records(records(77), 1)
        await asyncio.sleep(0)
        assert wire.commands()["order_id"].tolist() == [77]
        gateway.close()

    play(story)


def test_a_batch_that_does_not_fit_is_refused_whole_before_it_is_sent(monkeypatch):
    monkeypatch.setattr(module, "PENDING_LIMIT", 3)

    async def story(gateway: Gateway, wire: Wire) -> None:
        gateway.ask({"kind": 1})
        batch = gateway.ask_records(records(1, 2, 3), 3)
        assert told(await batch) == [-1008] * 3
        assert len({id(one) for one in batch.result()}) == 3, "each may be raised on its own"
        fits = gateway.ask_records(records(4, 5), 2)
        assert told(await gateway.ask_records(records(6), 1)) == [-1008]
        await asyncio.sleep(0)
        assert wire.commands()["order_id"].tolist() == [0, 4, 5]
        gateway.take([events((11, 4, LAST), (12, 5, LAST))])
        assert told(await fits) == [[4], [5]]
        gateway.close()

    play(story)


def test_a_client_that_left_its_batch_does_not_disturb_the_others():
    async def story(gateway: Gateway, wire: Wire) -> None:
        gone = gateway.ask_records(records(1, 2), 2)
        waiting = gateway.ask_records(records(3), 1)
        gone.cancel()
        gateway.take([events((10, 1, LAST), (12, 3, LAST))])
        assert told(await waiting) == [[3]]
        gateway.close()
        assert gateway.pending == 0

    play(story)


def test_a_command_alone_is_timed_and_a_batch_is_left_out(tmp_path):
    stopwatch = Stopwatch(tmp_path)
    Trail(tmp_path, "matcher").add(0, 0, matched_ns=1)

    def counted() -> int:
        (whole,) = (one for one in readings(tmp_path) if one.meter.name == WHOLE)
        return sum(whole.cells[:-1])

    async def story(gateway: Gateway, wire: Wire) -> None:
        next_id = 10
        for count, also_alone, is_counted in ((1, 0, 1), (2, 0, 0), (2, 1, 0), (1, 1, 0)):
            before, timing = counted(), begin()
            gateway.ask_records(records(*range(count)), count)
            if also_alone:
                gateway.ask({"kind": 1})
            ids = range(next_id, next_id := next_id + count + also_alone)
            gateway.take([events(*((one, 1, LAST) for one in ids))])
            stopwatch.done(timing, 200)
            assert counted() - before == is_counted, (count, also_alone)
        assert gateway.pending == 0

    play(story)


def test_the_door_sends_no_records_to_a_matcher_that_takes_none(tmp_path):
    async def run() -> None:
        house = House()
        door = house.door(tmp_path)
        answer = await door.ask_records(records(0), 1)
        assert len(answer) == 1 and isinstance(answer[0], bytes)
        sent = len(house.wire.frames)
        house.market.board["status"]["ready"] = 0
        with pytest.raises(Refused) as refusal:
            door.ask_records(records(0), 1)
        assert refusal.value.code == -1008
        assert len(house.wire.frames) == sent and door.gateway.pending == 0

    asyncio.run(run())


def test_a_frame_of_bytes_is_the_frame_of_their_rows():
    rows = np.zeros(3, Command.dtype)
    rows["order_id"] = [1, 2, 3]
    assert frame_around(Command, bytearray(rows.tobytes())) == frame_of(Command, rows)


def test_a_reader_of_some_fields_skips_the_others():
    rows = np.zeros(2, Event.dtype)
    rows["seq"], rows["flags"], rows["request_id"] = [1, 2], [3, 4], [5, 6]
    rows["account"] = rows["reason"] = 9
    read = reader_of(Event, "request_id", "seq", "flags").iter_unpack(rows.tobytes())
    assert list(read) == [(1, 3, 5), (2, 4, 6)]
    with pytest.raises(AssertionError, match="unknown field"):
        reader_of(Event, "colour")
