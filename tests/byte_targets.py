"""Every parser that sees outside bytes, as a function that takes any: what escapes, but its own refusal, is a defect.

`SAMPLES` are right bytes for each, from which `tests/fuzz_bytes.py` goes on.
"""

import itertools
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from broadcaster import control
from ingress import batches, errors, requests, ws_message
from ingress.compiled.tables import tables_of
from ingress.form import read_form
from ingress.plain import PlainForm
from protocol.board import StatusRow
from protocol.layout import rows_of
from protocol.records import Command, Event
from protocol.terms import EventFlag, EventKind, OrdStatus, OrdType
from runtime import endpoints, market_bus, replica_frames, segments, snapshot
from runtime.replay import JournalReader
from runtime.replica_frames import Frame, Word
from tests.read_orders import PLAIN, VIEWS, agree, agree_on_message, of_order

_RECORD = segments.RECORD
_HEAD = segments.SegmentHead(
    first_seq=1, journal_id=7, chain=7, sync=segments.Sync.BATCH, epoch=0
).pack()
_QUERY = (
    b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000.5&newClientOrderId=a%2Fb"
    b"&timestamp=1764400000000&recvWindow=5000.5&signature=00ff"
)
_MESSAGE = (
    b'{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
    b'"quantity":"0.01","price":50000,"newClientOrderId":"a","timestamp":1764400000000,"apiKey":"k","signature":"0"}}'
)
_BATCH = b'[{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":1.5e0,"x":true}]'


def _in_folder(name: str, content: bytes, read: Callable[[Path], object]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="openbourse-bytes-"))
    try:
        (folder / name).write_bytes(content)
        read(folder)
    finally:
        shutil.rmtree(folder)


def journal(data: bytes) -> None:
    """A segment of the journal, just as it lies there."""
    try:
        _in_folder(
            segments.segment_name(1), data, lambda folder: list(JournalReader(folder).read())
        )
    except (segments.CorruptJournal, segments.WrongVersion):
        return


def journal_batches(data: bytes) -> None:
    """Batches whose every check is right, of any records: those come back, and no others."""
    records = data[: len(data) // _RECORD * _RECORD]
    cut = _RECORD * (data[-1] % 3 if data else 0)
    chain, next_seq, content = 7, 1, _HEAD
    for part in (records[:cut], records[cut:]):
        if part:
            frame, chain = segments.pack_batch(7, next_seq, chain, part)
            content += frame
            next_seq += len(part) // _RECORD
    found: list[bytes] = []
    _in_folder(
        segments.segment_name(1),
        content,
        lambda folder: found.extend(rows.tobytes() for rows in JournalReader(folder).read()),
    )
    assert b"".join(found) == records


def a_snapshot(data: bytes) -> None:
    """A snapshot."""
    try:
        _in_folder("0.snapshot", data, lambda folder: snapshot.read(folder / "0.snapshot"))
    except snapshot.DamagedSnapshot:
        return


def wires(data: bytes) -> None:
    """A frame of the wires between processes, of either record, and one of the wire between matchers."""
    for record in (Command, Event):
        try:
            rows = endpoints.rows_in(record, data)
            assert endpoints.frame_of(record, rows) == data
        except endpoints.WrongFrame:
            continue
    try:
        frame = replica_frames.unpack(data)
        assert replica_frames.unpack(frame.pack()) == frame
    except replica_frames.WrongReplicaFrame:
        return


def market(data: bytes) -> None:
    """A frame, or a state, of the market as other hosts hear it; as it comes, and what is packed in it."""
    for kind, sent in itertools.product(
        (market_bus.Frame, market_bus.State), (data, zlib.compress(data, 1))
    ):
        try:
            market_bus.read(kind, sent)
        except market_bus.WrongVersion:
            continue


def a_request(data: bytes) -> None:
    """Query string and body of a REST request, up to the values of an order, of a batch and of a query."""
    query, _, body = data.partition(b"\n")
    try:
        fields = read_form(query, body).fields
    except errors.Refused:
        return
    for request in (requests.PLACE, requests.CANCEL_REPLACE, batches.BATCH, requests.MY_TRADES):
        wanted = {name: text for name, text in fields.items() if name != "signature"}
        try:
            request.parse(wanted)
        except errors.Refused:
            continue


def plain_orders(data: bytes) -> None:
    """The same by compiled code, for orders and batches: what it understands, Python reads the same."""
    query, _, body = data.partition(b"\n")
    for read, orders_in in (
        (PLAIN.read_order, lambda fields: [of_order(fields)]),
        (PLAIN.read_batch, lambda fields: batches.BATCH.parse(fields)["batchOrders"]),
    ):
        try:
            form = read(query, body)
        except errors.Refused:
            continue
        if isinstance(form, PlainForm):
            agree(form, orders_in(form.again().fields))


def plain_answers(data: bytes) -> None:
    """Events of any content as the answers of plain orders: told or not, but nothing escapes."""
    names = VIEWS.names()
    form = PlainForm(
        {},
        None,
        b"",
        records=bytearray(),
        answers=np.arange(2, dtype=np.uint8) + 1,
        tables=tables_of(names.instruments, names.assets),
        again=lambda: read_form(b"", b""),
    )
    whole = len(data) // Event.dtype.itemsize * Event.dtype.itemsize
    for events in (data, data[:whole]):
        PLAIN.tell(events, form, 1_000_000, as_list=True)


def ws_api(data: bytes) -> None:
    """A message to the WebSocket API, and the orders in it; what compiled code understands, Python reads the same."""
    agree_on_message(data)
    try:
        call = ws_message.read_call(data)
        batches.BATCH.parse(call.form(proved=False).fields)
    except (ws_message.WrongMessage, errors.Refused):
        return


def streams(data: bytes) -> None:
    """The address of a stream connection, and a control message on it."""
    text = data.decode("utf-8", "replace")
    assert control.request_of(text) is not None
    try:
        control.opening_of("/" + text)
    except control.WrongAddress:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        journal,
        journal_batches,
        a_snapshot,
        wires,
        market,
        a_request,
        plain_orders,
        plain_answers,
        ws_api,
        streams,
    )
}


def _sample_snapshot() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        blocks = {"status": rows_of(StatusRow, 1), "words": np.arange(3)}
        return snapshot.write(Path(folder), 3, 5, {"digest": "0"}, blocks).read_bytes()


def _samples() -> dict[str, list[bytes]]:
    commands = rows_of(Command, 3)
    commands["seq"] = np.arange(1, 4)
    frame, chain = segments.pack_batch(7, 1, 7, commands.view(np.uint8).data)
    seal, _ = segments.pack_batch(7, 4, chain, b"")
    taken = rows_of(Event, 2)
    taken["kind"], taken["flags"], taken["order_id"] = EventKind.ACCEPTED, EventFlag.LAST, 7
    taken["ord_status"], taken["ord_type"], taken["at_ns"] = OrdStatus.NEW, OrdType.LIMIT, 10**18
    about = Frame(Word.BATCHES, 1, 2, 3, 4, 5, b"body")
    empty = market_bus.frame_of(commands[:0], commands[:0], 5)
    return {
        "journal": [_HEAD + frame, _HEAD + frame + seal, _HEAD + frame[:-9], _HEAD + bytes(99)],
        "journal_batches": [commands.tobytes(), commands.tobytes() + b"\1"],
        "a_snapshot": [_sample_snapshot()],
        "wires": [
            endpoints.frame_of(Command, commands),
            endpoints.frame_of(Event, rows_of(Event, 1)),
            about.pack(),
        ],
        "market": [market_bus.packed(empty), msgspec.msgpack.encode(empty)],
        "a_request": [_QUERY, b"symbol=BTCUSDT\n" + _QUERY, b"batchOrders=" + _BATCH],
        "plain_orders": [
            b"\n" + _QUERY.replace(b"%2F", b"/").replace(b"5000.5&", b"5000&"),
            b"batchOrders="
            + _BATCH.replace(b"1.5e0", b'"1.5"').replace(b',"x":true', b"")
            + b"&signature=0",
        ],
        "plain_answers": [taken.tobytes()],
        "ws_api": [
            b'{"id":"a","method":"order.place","params":{"symbol":"BTCUSDT","price":1.50,"x":[1,null]}}',
            _MESSAGE,
            b'{"id":1,"method":"order.batch","params":{"batchOrders":' + _BATCH + b"}}",
        ],
        "streams": [
            b'{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}',
            b'{"method":"SET_PROPERTY","params":["combined",true],"id":"x"}',
            b"stream?streams=btcusdt@trade/ethusdt@depth5@100ms&timeUnit=MICROSECOND",
        ],
    }


SAMPLES = _samples()
