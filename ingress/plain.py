"""Plain orders: read, and answered, by compiled code; whatever is not plain goes the way of all requests.

Nearly all orders are of one kind: a limit or market order with the parameters that everybody sends. Field by field
in Python such an order costs 40 µs, compiled 4. So for new orders, alone or in a batch, `PlainOrders` is asked first. It
knows no refusals and no rare parameters: when it does not understand, it says so, and the request is read or
answered by `ingress/requests.py`, `ingress/order_entry.py` and `ingress/present.py`, which stay the only
place where those are told. What it does understand means the same in both ways; the tests compare them byte by byte.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ingress.compiled import batch_reading, reading
from ingress.compiled.batch_reading import ORDERS_LIMIT
from ingress.compiled.reading import MARKS, RECORD, TIMESTAMP, WINDOW
from ingress.compiled.tables import ACK, FULL, RESULT, Octets, Tables, tables_of
from ingress.compiled.telling import tell
from ingress.form import Form, read_form, seal_in
from ingress.order_entry import text_id
from ingress.rows import offset_of
from ingress.views import Names, Views
from protocol.board_reads import Unreadable
from protocol.records import Command
from runtime.shared import NotPublished

ANSWERS = {ACK: "ACK", RESULT: "RESULT", FULL: "FULL"}
JSON_LIMIT = 1 << 16
"""A longer batch is not plain: fifty plain orders are a quarter of that."""
OUT_LIMIT = 1 << 17
BACKS_LIMIT = 64
"""An answer that gives orders back to more accounts than this is not plain."""
_ACCOUNT = struct.Struct("<I")
_ACCOUNT_AT = offset_of(Command, "account")
_SEAL = b"&signature="
_ONE = {answer: np.array([answer], np.uint8) for answer in ANSWERS}


@dataclass(slots=True, kw_only=True)
class PlainForm(Form):
    """A form of plain orders. Of its `fields` only the time and its window are read.

    `records`: the commands, without account and waiter. `answers`: ACK, RESULT or FULL for each. `tables`: those that
    the orders were read by, so their answers are told by them, too. `again` reads the form in Python, with all its fields.
    """

    records: bytearray
    answers: Octets
    tables: Tables
    again: Callable[[], Form]

    @property
    def count(self) -> int:
        """How many orders there are."""
        return len(self.answers)

    def records_of(self, account: int) -> bytearray:
        """Return the records, now that it is known whose they are."""
        for at in range(_ACCOUNT_AT, len(self.records), RECORD):
            _ACCOUNT.pack_into(self.records, at, account)
        return self.records


@dataclass(slots=True)
class Told:
    """The answer to plain orders, as JSON, and how many orders accounts get back: pairs of account and count."""

    body: bytes
    backs: list[list[int]]


class PlainOrders:
    """Reads and answers the plain orders of one worker."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._names: Names | None = None
        self._tables: Tables = tables_of((), ())
        self._rows = np.zeros(ORDERS_LIMIT * RECORD, np.uint8)
        self._words = self._rows.view(np.int64)
        self._records = memoryview(self._rows)  # type: ignore[arg-type]
        self._marks = np.zeros(MARKS, np.int64)
        self._found = memoryview(self._marks)  # type: ignore[arg-type]
        self._text = np.zeros(JSON_LIMIT, np.uint8)
        self._answers = np.zeros(ORDERS_LIMIT, np.uint8)
        self._out = np.zeros(OUT_LIMIT, np.uint8)
        self._told = memoryview(self._out)  # type: ignore[arg-type]
        self._backs = np.zeros((BACKS_LIMIT, 2), np.int64)
        self._counts = np.zeros(1, np.int64)

    def read_order(self, query: bytes, body: bytes) -> Form:
        """Read the form of one new order.

        Raises: Refused.
        """
        again = partial(read_form, query, body)
        payload, signature = _parted(query, body)
        tables = self.tables()
        if not payload or tables is None:
            return again()
        symbols, instruments, _, _ = tables
        answer = reading.read_form(
            payload, symbols, instruments, self._rows, self._words, self._marks
        )
        if answer < 0:
            return again()
        return self._form(self._sealed(payload, signature), 1, _ONE[answer], again)

    def read_batch(self, query: bytes, body: bytes) -> Form:
        """Read the form of a batch of new orders.

        Raises: Refused.
        """
        again = partial(read_form, query, body)
        payload, signature = _parted(query, body)
        count = self._read_batch(payload)
        if count < 0:
            return again()
        answers = self._answers[:count].copy()
        return self._form(self._sealed(payload, signature), count, answers, again)

    def batch_of_fields(self, form: Form) -> Form:
        """Return the same form as one of a batch of plain orders, if it is one: for JSON that came as JSON."""
        fields = form.fields
        text = "&".join([f"{name}={value}" for name, value in fields.items()]).encode()
        # Signs that mean something else in a form, and are in no plain order.
        odd = text.count(b"&") != len(fields) - 1 or b"%" in text or b"+" in text
        count = -1 if odd else self._read_batch(text)
        if count < 0:
            return form
        return self._form(form, count, self._answers[:count].copy(), lambda: form)

    def tell(self, events: bytes, form: PlainForm, unit_ns: int, *, as_list: bool) -> Told | None:
        """Answer orders from all their events, one order's behind the other's; None: they are not plain."""
        length = tell(
            events,
            form.answers,
            form.count,
            int(as_list),
            unit_ns,
            *form.tables,
            self._out,
            self._backs,
            self._counts,
        )
        if length < 0:
            return None
        backs = int(self._counts[0])
        return Told(bytes(self._told[:length]), self._backs[:backs].tolist() if backs else [])

    def _read_batch(self, text: bytes) -> int:
        tables = self.tables()
        if tables is None or not text:
            return -1
        return batch_reading.read_batch(
            text,
            tables.symbols,
            tables.instruments,
            self._text,
            self._rows,
            self._words,
            self._answers,
            self._marks,
        )

    def tables(self) -> Tables | None:
        """Return the tables of the matcher's present life, None while they cannot be read."""
        try:
            names = self._views.names()
        except (NotPublished, Unreadable):
            return None
        if names is not self._names:
            self._tables = tables_of(names.instruments, names.assets)
            self._names = names
        return self._tables

    def _sealed(self, payload: bytes, signature: str) -> Form:
        """Return the form that the marks tell of."""
        return Form(_times(payload, self._found), signature, payload)

    def _form(
        self, form: Form, count: int, answers: Octets, again: Callable[[], Form]
    ) -> PlainForm:
        """Return the form with the records that were just read."""
        return PlainForm(
            form.fields,
            form.signature,
            form.payload,
            form.proved,
            records=self._made(count),
            answers=answers,
            tables=self._tables,
            again=again,
        )

    def _made(self, count: int) -> bytearray:
        """Return the records that were just read, each with a text id."""
        return with_ids(bytearray(self._records[: count * RECORD]))


def with_ids(records: bytearray) -> bytearray:
    """Give those records of orders a text id that have none."""
    for place in range(reading.ID_AT, len(records), RECORD):
        if not records[place]:
            made = text_id(None)
            records[place : place + len(made)] = made
    return records


_TIMES = (("timestamp", 2 * TIMESTAMP), ("recvWindow", 2 * WINDOW))


def _times(text: bytes, marks: Sequence[int]) -> dict[str, str]:
    """Return those of the marked fields that admission asks for."""
    fields: dict[str, str] = {}
    for name, at in _TIMES:
        if length := marks[at + 1]:
            fields[name] = text[marks[at] : marks[at] + length].decode()
    return fields


def _parted(query: bytes, body: bytes) -> tuple[bytes, str]:
    """Part a form of query or body from the signature at its end; nothing, when it is not as clients write it.

    Raises: Refused (-1100).
    """
    payload, found, signature = (body or query).rpartition(_SEAL)
    if not found or (body and query) or not signature.isascii() or b"&" in signature:
        return b"", ""
    return payload, seal_in(signature.decode())
