"""Orders as Python reads them, beside what compiled code makes of them: for tests and fuzzers of both."""

from ingress import auth, order_entry
from ingress.compiled.message_reading import (
    HOW,
    ID_AT,
    ID_LENGTH,
    KEY_AT,
    KEY_LENGTH,
    SEAL_AT,
    SEAL_LENGTH,
)
from ingress.form import Form
from ingress.orders import answer_of
from ingress.plain import ANSWERS, PlainForm, PlainOrders
from ingress.plain_messages import MESSAGE_LIMIT, PlainMessages, burst_of
from ingress.requests import PLACE
from ingress.rows import Shape
from ingress.views import Views
from ingress.ws_message import read_call
from protocol.records import Command
from tests.reference_market import Market

MARKET = Market()
VIEWS = Views(lambda: MARKET.board)
PLAIN = PlainOrders(VIEWS)
WINDOW_MS = 5000
MESSAGES = PlainMessages(PLAIN, WINDOW_MS)
SENT_MS = 1_764_450_000_000
"""The timestamp of plain orders in tests."""
NOW_NS = SENT_MS * 1_000_000 + 3_000_000_000
PACK = Shape(Command).pack
SIZE = Command.dtype.itemsize


def in_python(fields: dict[str, str], account: int = 0) -> tuple[bytes, str]:
    """Return the record of an order and how it is answered, as Python reads it.

    Raises: Refused.
    """
    values = PLACE.parse(fields)
    order_entry.check(values)
    command = order_entry.enter(values, VIEWS.instrument(values["symbol"]), account)
    return PACK(command), answer_of(values)


def same_but_new_ids(record: bytes, python: bytes, given_id: str | None) -> bool:
    """Compare two records; a text id that the client did not give is made anew each time."""
    if given_id:
        return record == python
    at = Command.dtype.fields["cl_ord_id"][1]
    made = record[at : at + 40].rstrip(b"\0")
    assert len(made) == 22
    assert made.isalnum()
    return record[:at] + record[at + 40 :] == python[:at] + python[at + 40 :]


def agree(form: Form, orders: list[dict[str, str]]) -> None:
    """Check that what was read as plain is what Python reads."""
    assert isinstance(form, PlainForm)
    assert form.count == len(orders) == len(form.records) // SIZE
    for place, fields in enumerate(orders):
        record, answer = in_python(fields)
        mine = bytes(form.records[place * SIZE : (place + 1) * SIZE])
        assert same_but_new_ids(mine, record, fields.get("newClientOrderId"))
        assert ANSWERS[int(form.answers[place])] == answer
    again = form.again()
    assert (form.payload, form.signature) == (again.payload, again.signature)
    for name in ("timestamp", "recvWindow"):
        assert form.fields.get(name) == again.fields.get(name)


def agree_on_message(message: bytes, now_ns: int = NOW_NS) -> bool:
    """Check the same for a message of the WebSocket API; tell whether it was read as plain."""
    if len(message) > MESSAGE_LIMIT:
        return False
    (is_plain,) = agree_on_messages([message], now_ns)
    return is_plain


def agree_on_messages(messages: list[bytes], now_ns: int = NOW_NS) -> list[bool]:
    """Check messages that are read together; tell which of them were read as plain."""
    burst = burst_of(messages)
    found = MESSAGES.read(burst, now_ns)
    assert burst.messages(0, burst.count) == messages
    plain = [bool(row) and row[HOW] >= 0 for row in found] or [False] * len(messages)
    for place, message in enumerate(messages):
        if plain[place]:
            _agree_on_one(place, burst.text, found[place], message, now_ns)
    return plain


def _agree_on_one(place: int, text: bytes, found: list[int], message: bytes, now_ns: int) -> None:
    python = read_call(message)
    assert python.method.removeprefix("v3/") == PLACE.method
    assert text[found[ID_AT] : found[ID_AT] + found[ID_LENGTH]] == python.id
    key = text[found[KEY_AT] : found[KEY_AT] + found[KEY_LENGTH]].decode()
    assert key == python.fields.get("apiKey", "")
    assert "returnRateLimits" not in python.fields
    form = python.form(proved=False)
    seal = text[found[SEAL_AT] : found[SEAL_AT] + found[SEAL_LENGTH]].decode()
    assert seal == (form.signature or "")
    if seal:
        assert MESSAGES.payload(found) == form.payload
    auth.check_time(form.fields, now_ns, WINDOW_MS)
    run = MESSAGES.run(place, [7])
    record, answer = in_python(of_order(form.fields), account=7)
    assert run.count == 1
    assert run.messages == [message]
    assert same_but_new_ids(bytes(run.records), record, form.fields.get("newClientOrderId"))
    assert ANSWERS[found[HOW]] == answer


def of_order(fields: dict[str, str]) -> dict[str, str]:
    """Leave out what is said of the time of a request."""
    return {name: text for name, text in fields.items() if name not in ("timestamp", "recvWindow")}
