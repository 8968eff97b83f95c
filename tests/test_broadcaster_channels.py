"""Who listens to what: one encoding for all, and what a slow reader gets."""

import json
from dataclasses import dataclass, field

from websockets.frames import CloseCode, Frame
from websockets.streams import StreamReader

from broadcaster.channels import Channels
from broadcaster.encode import MICROSECOND, MILLISECOND
from broadcaster.messages import BookTicker, Message, ServerShutdown
from tests.market_events import BTCUSDT


@dataclass(eq=False)
class Reader:
    """A subscriber that keeps what it is sent."""

    combined: bool = False
    unit_ns: int = MILLISECOND
    lagging: bool = False
    names: dict[str, None] = field(default_factory=dict)
    missed: dict[str, None] = field(default_factory=dict)
    writes: list[bytes] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def stop(self, code: CloseCode, reason: str) -> None:
        self.ended.append((code, reason))

    def heard(self) -> list[object]:
        reader = StreamReader()
        reader.feed_data(b"".join(self.writes))
        reader.feed_eof()
        self.writes = []
        found = []
        while reader.buffer:
            try:
                next(Frame.parse(reader.read_exact, mask=False))
            except StopIteration as parsed:
                found.append(json.loads(parsed.value.data))
        return found


def _ticker(update_id: int) -> BookTicker:
    return BookTicker(BTCUSDT, update_id, (100, 1), (101, 1))


def _message(number: int, stream: str = "btcusdt@trade") -> Message:
    return Message(stream, ServerShutdown(number * MILLISECOND))


def _said(number: int) -> dict[str, object]:
    return {"e": "serverShutdown", "E": number}


def test_all_readers_of_a_form_get_the_same_bytes():
    channels, first, second = Channels(), Reader(), Reader()
    channels.subscribe(first, ["btcusdt@trade"])
    channels.subscribe(second, ["btcusdt@trade"])
    channels.publish([_message(1), _message(2)])
    assert first.writes == []
    assert channels.flush() == 4
    assert len(first.writes) == 1
    assert first.writes[0] is second.writes[0]
    assert first.heard() == [_said(1), _said(2)]


def test_all_streams_of_a_reader_leave_in_one_write():
    channels, both, one, slow = Channels(), Reader(), Reader(), Reader(lagging=True)
    channels.subscribe(both, ["btcusdt@trade", "ethusdt@trade"])
    channels.subscribe(one, ["ethusdt@trade"])
    channels.subscribe(slow, ["btcusdt@trade", "ethusdt@trade"])
    channels.publish([_message(1), _message(2, "ethusdt@trade"), _message(3)])
    assert channels.flush() == 4
    assert (len(both.writes), len(one.writes), slow.writes) == (1, 1, [])
    assert both.heard() == [_said(1), _said(3), _said(2)]
    assert one.heard() == [_said(2)]
    assert list(slow.missed) == ["btcusdt@trade", "ethusdt@trade"]


def test_each_form_has_its_own_encoding():
    channels = Channels()
    raw, wrapped, fine = Reader(), Reader(combined=True), Reader(unit_ns=MICROSECOND)
    for reader in (raw, wrapped, fine):
        channels.subscribe(reader, ["btcusdt@trade"])
    channels.publish([_message(1)])
    channels.flush()
    assert raw.heard() == [_said(1)]
    assert wrapped.heard() == [{"stream": "btcusdt@trade", "data": _said(1)}]
    assert fine.heard() == [_said(1000)]


def test_who_did_not_subscribe_hears_nothing():
    channels, reader = Channels(), Reader()
    channels.subscribe(reader, ["ethusdt@trade"])
    channels.publish([_message(1)])
    assert channels.flush() == 0
    assert reader.writes == []


def test_the_channels_know_what_is_wanted():
    channels, reader = Channels(), Reader()
    assert "btcusdt@trade" not in channels
    channels.subscribe(reader, ["btcusdt@trade"])
    assert "btcusdt@trade" in channels
    channels.unsubscribe(reader, ["btcusdt@trade", "never@subscribed"])
    assert "btcusdt@trade" not in channels
    assert reader.names == {}


def test_subscribing_twice_is_harmless():
    channels, reader = Channels(), Reader()
    channels.subscribe(reader, ["btcusdt@trade", "btcusdt@trade"])
    channels.subscribe(reader, ["btcusdt@trade"])
    channels.publish([_message(1)])
    assert channels.flush() == 1


def test_who_left_hears_nothing_more():
    channels, reader = Channels(), Reader()
    channels.subscribe(reader, ["a@trade", "b@trade"])
    channels.publish([_message(1, "a@trade")])
    channels.leave(reader)
    assert channels.flush() == 0
    assert "a@trade" not in channels
    assert "b@trade" not in channels


def test_the_long_windows_may_be_named_by_their_length():
    channels, reader = Channels(), Reader(combined=True)
    channels.subscribe(reader, ["btcusdt@depth@1000ms"])
    assert "btcusdt@depth" in channels
    channels.publish([_message(1, "btcusdt@depth")])
    channels.flush()
    assert reader.heard() == [{"stream": "btcusdt@depth@1000ms", "data": _said(1)}]


def test_changing_the_form_loses_nothing():
    channels, reader = Channels(), Reader()
    channels.subscribe(reader, ["btcusdt@trade"])
    channels.publish([_message(1)])
    channels.set_combined(reader, wrapped=True)
    channels.publish([_message(2)])
    channels.flush()
    assert reader.heard() == [_said(1), {"stream": "btcusdt@trade", "data": _said(2)}]


def test_a_stream_that_tells_a_state_tells_it_to_a_new_reader():
    channels, reader = Channels(), Reader()
    channels.current = {"btcusdt@bookTicker": _ticker(5)}.get
    channels.subscribe(reader, ["btcusdt@trade", "btcusdt@bookTicker"])
    assert [said["u"] for said in reader.heard()] == [5]


def test_a_slow_reader_is_left_out_and_then_told_the_state():
    channels, slow, other = Channels(), Reader(), Reader()
    now = {"btcusdt@bookTicker": _ticker(1)}
    channels.current = now.get
    for reader in (slow, other):
        channels.subscribe(reader, ["btcusdt@bookTicker", "btcusdt@trade"])
        reader.heard()
    slow.lagging = True
    for update_id in (2, 3, 4):
        now["btcusdt@bookTicker"] = _ticker(update_id)
        channels.publish([Message("btcusdt@bookTicker", _ticker(update_id)), _message(update_id)])
        channels.flush()
    assert slow.writes == []
    assert len(other.heard()) == 6
    slow.lagging = False
    channels.catch_up(slow)
    assert [said["u"] for said in slow.heard()] == [4]
    channels.catch_up(slow)
    assert slow.writes == []
    channels.publish([_message(5)])
    channels.flush()
    assert slow.heard() == [_said(5)]


def test_a_slow_reader_is_not_told_what_it_gave_up_meanwhile():
    channels, slow = Channels(), Reader()
    channels.current = {"btcusdt@bookTicker": _ticker(1)}.get
    channels.subscribe(slow, ["btcusdt@bookTicker"])
    slow.heard()
    slow.lagging = True
    channels.publish([Message("btcusdt@bookTicker", _ticker(2))])
    channels.flush()
    channels.unsubscribe(slow, ["btcusdt@bookTicker"])
    slow.lagging = False
    channels.catch_up(slow)
    assert slow.writes == []


def test_everybody_is_told_of_the_shutdown_in_their_form():
    channels, raw, wrapped = Channels(), Reader(), Reader(combined=True)
    channels.tell_all([raw, wrapped], "!serverShutdown", ServerShutdown(MILLISECOND))
    assert raw.heard() == [_said(1)]
    assert wrapped.heard() == [{"stream": "!serverShutdown", "data": _said(1)}]


def test_a_slow_reader_of_a_user_stream_has_to_go():
    channels, slow, other = Channels(), Reader(), Reader()
    key = "k" * 64
    for reader in (slow, other):
        channels.subscribe(reader, [key])
    assert channels.subscribers(key) == [slow, other]
    slow.lagging = True
    channels.publish([_message(1, key)])
    channels.flush()
    assert slow.ended == [(1008, "Reading too slowly")]
    assert other.heard() == [_said(1)]
    assert other.ended == []
