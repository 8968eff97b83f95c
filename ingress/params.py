"""How a request is declared: its name, path, weight and parameters, each with its kind.

One declaration (`ingress/requests.py` holds them all) parses the REST form and the `params` of the
WebSocket API alike, because both arrive here as text by name, and it describes itself as OpenAPI.
A kind turns text into a value or raises the exact refusal (API sections 1 and 4); what depends on
the instrument (decimals, filters) or on other parameters comes later (`ingress/order_entry.py`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

import msgspec

from ingress import errors
from protocol.units import MAX_I64

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
WHOLE = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
MICROSECONDS_FROM = 10**14
"""A time at or above this is in microseconds: as milliseconds it would lie past the year 5000."""
SYMBOLS_LIMIT = 100
_ALONGSIDE = frozenset(
    ("timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits", "timeUnit")
)
"""What may come along with the parameters of any request, whether it needs it or not."""


class Security(Enum):
    """What a request needs beside its parameters; the value is what the key must hold.

    All but NONE need a key, USER_DATA and TRADE a timestamp and a signature as well.
    """

    NONE = ""
    USER_STREAM = "USER_STREAM"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass(frozen=True)
class Kind:
    """A kind of parameter: `read(name, text)` gives the value or raises Refused."""

    read: Callable[[str, str], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Param:
    """One parameter of a request."""

    name: str
    kind: Kind
    required: bool = False


def need(name: str, kind: Kind) -> Param:
    """Declare a parameter that must be sent."""
    return Param(name, kind, required=True)


def may(name: str, kind: Kind) -> Param:
    """Declare a parameter that may be sent."""
    return Param(name, kind)


Weight = int | Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True, eq=False)
class Request:
    """One request that a client may make.

    `method` is its name in the WebSocket API. `weight` is what it costs, or computes that from the
    values; with `free_when_done` only a request that fails costs it (API section 3).
    """

    method: str
    verb: str
    path: str
    security: Security
    weight: Weight
    params: tuple[Param, ...] = ()
    free_when_done: bool = False
    permission: str = field(init=False)
    signed: bool = field(init=False)
    _readers: Mapping[str, Callable[[str, str], Any]] = field(init=False, repr=False)
    _required: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index what `parse` looks up."""
        readers = {param.name: param.kind.read for param in self.params}
        required = frozenset(param.name for param in self.params if param.required)
        object.__setattr__(self, "_readers", readers)
        object.__setattr__(self, "_required", required)
        object.__setattr__(self, "permission", self.security.value)
        object.__setattr__(self, "signed", self.security in (Security.USER_DATA, Security.TRADE))

    def parse(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Read the parameters; those not sent are left out.

        Raises: Refused for the first, in the order of the declaration, that is missing or wrong; then
        for those that are not declared (-1104).
        """
        values: dict[str, Any] = {}
        readers = self._readers
        unread = 0
        try:
            for name, text in fields.items():
                if name in readers:
                    values[name] = readers[name](name, text)
                elif name not in _ALONGSIDE:
                    unread += 1
        except errors.Refused:
            return self._parse_in_order(fields)
        if not values.keys() >= self._required:
            return self._parse_in_order(fields)
        if unread:
            raise errors.unread(len(fields) - unread, len(fields))
        return values

    def _parse_in_order(self, fields: Mapping[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for param in self.params:
            text = fields.get(param.name)
            if text:
                values[param.name] = param.kind.read(param.name, text)
            elif param.required:
                raise errors.mandatory(param.name)
            elif text is not None:
                raise errors.empty(param.name)
        return values

    def cost(self, values: Mapping[str, Any]) -> int:
        """Return the weight of this request with these values."""
        return self.weight if isinstance(self.weight, int) else self.weight(values)


def _pattern(legal: str, schema: Mapping[str, Any]) -> Kind:
    fits = re.compile(legal.removesuffix("$") + r"\Z").match

    def read(name: str, text: str) -> str:
        if fits(text) is None:
            raise errors.illegal(name, legal)
        return text

    return Kind(read, {**schema, "pattern": legal})


def _read_whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise errors.illegal(name, WHOLE)
    value = int(text)
    if value > MAX_I64:
        raise errors.overflowed(name)
    return value


def _read_time(name: str, text: str) -> int:
    value = _read_whole(name, text)
    nanoseconds = value * (1_000 if value >= MICROSECONDS_FROM else 1_000_000)
    return min(nanoseconds, MAX_I64)


def _read_truth(name: str, text: str) -> bool:
    told = {"true": True, "false": False}.get(text.lower())
    if told is None:
        raise errors.not_valid(name)
    return told


def _read_later(name: str, text: str) -> str:
    """Leave decimal text as it is: what it means depends on the instrument (`order_entry.py`)."""
    if not text:
        raise errors.empty(name)
    return text


def word(terms: type[IntEnum], refusal: errors.Refused | None = None) -> Kind:
    """Make the kind that reads a name of `terms`; `refusal` is told for any other word."""
    known = {term.name: term for term in terms}

    def read(name: str, text: str) -> IntEnum:
        term = known.get(text)
        if term is None:
            raise refusal_of(refusal, name)
        return term

    return Kind(read, {"type": "string", "enum": list(known)})


def words(known: Mapping[str, Any], refusal: errors.Refused | None = None) -> Kind:
    """Make the kind that reads a key of `known` as its value."""

    def read(name: str, text: str) -> Any:
        if text not in known:
            raise refusal_of(refusal, name)
        return known[text]

    return Kind(read, {"type": "string", "enum": list(known)})


def refusal_of(refusal: errors.Refused | None, name: str) -> errors.Refused:
    """Return a fresh copy of `refusal` (an exception keeps its traceback), or "not valid"."""
    if refusal is None:
        return errors.not_valid(name)
    return errors.Refused(refusal.code, refusal.msg, refusal.status)


def limit(largest: int) -> Kind:
    """Make the kind that reads a count of rows; one above `largest` is taken as `largest`."""

    def read(name: str, text: str) -> int:
        value = _read_whole(name, text)
        if value == 0:
            raise errors.not_valid(name)
        return min(value, largest)

    return Kind(read, {"type": "integer", "minimum": 1, "maximum": largest})


def whole(lowest: int, highest: int, refusal: errors.Refused | None = None) -> Kind:
    """Make the kind that reads an integer between two bounds."""

    def read(name: str, text: str) -> int:
        value = _read_whole(name, text)
        if not lowest <= value <= highest:
            raise refusal_of(refusal, name)
        return value

    return Kind(read, {"type": "integer", "minimum": lowest, "maximum": highest})


def _read_names(name: str, text: str) -> list[str]:
    try:
        names = msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        raise errors.Refused(-1135, f"JSON sent for parameter '{name}' is not valid") from None
    if not names:
        raise errors.mandatory(name)
    if len(names) > SYMBOLS_LIMIT:
        told = (
            f"Too many values sent for parameter '{name}', maximum allowed up to {SYMBOLS_LIMIT}."
        )
        raise errors.Refused(-1101, told)
    if len(set(names)) < len(names):
        raise errors.Refused(-1151, "Symbol is present multiple times in the list.")
    return names


def _read_names_or_one(name: str, text: str) -> list[str]:
    if not text:
        raise errors.empty(name)
    return _read_names(name, text) if text.startswith("[") else [text]


symbol = _pattern(SYMBOL, {"type": "string"})
client_id = _pattern(CLIENT_ID, {"type": "string"})
decimal = Kind(_read_later, {"type": "string", "pattern": DECIMAL})
whole_number = Kind(_read_whole, {"type": "integer", "format": "int64"})
truth = Kind(_read_truth, {"type": "boolean"})
time = Kind(_read_time, {"type": "integer", "format": "int64"})
symbols = Kind(_read_names, {"type": "array", "items": {"type": "string"}})
names_or_one = Kind(_read_names_or_one, {"type": "array", "items": {"type": "string"}})
