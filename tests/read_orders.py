"""Orders as Python reads them, beside what compiled code makes of them: for tests and fuzzers of both."""

from ingress import order_entry
from ingress.form import Form
from ingress.orders import answer_of
from ingress.plain import ANSWERS, PlainForm, PlainOrders
from ingress.requests import PLACE
from ingress.rows import Shape
from ingress.views import Views
from ingress.ws_message import read_call, read_plain
from protocol.records import Command
from tests.reference_market import Market

MARKET = Market()
VIEWS = Views(lambda: MARKET.board)
PLAIN = PlainOrders(VIEWS)
PACK = Shape(Command).pack
SIZE = Command.dtype.itemsize


def in_python(fields: dict[str, str]) -> tuple[bytes, str]:
    """Return the record of an order and how it is answered, as Python reads it.

    Raises: Refused.
    """
    values = PLACE.parse(fields)
    order_entry.check(values)
    command = order_entry.enter(values, VIEWS.instrument(values["symbol"]), 0)
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


def agree_on_message(message: bytes) -> bool:
    """Check the same for a message of the WebSocket API; tell whether it was read as plain."""
    call = read_plain(PLAIN, message)
    if call is None:
        return False
    python = read_call(message)
    assert (call.id, call.method) == (python.id, python.method.removeprefix("v3/"))
    assert call.fields.get("apiKey") == python.fields.get("apiKey")
    assert call.returns_limits(usually=True)
    assert "returnRateLimits" not in python.fields
    fields = python.form(proved=True).fields
    form = call.form(proved=True)
    assert form.proved
    agree(form, [of_order(fields)])
    return True


def of_order(fields: dict[str, str]) -> dict[str, str]:
    """Leave out what is said of the time of a request."""
    return {name: text for name, text in fields.items() if name not in ("timestamp", "recvWindow")}
