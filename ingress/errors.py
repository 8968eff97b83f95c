"""What a client is told when a request is not done: code, exact text, HTTP status (API section 4).

Clients dispatch on the code *and* on the text, so the texts here are the dialect's own, letter for
letter. Two sources: the edge refuses (`Refused`, never journaled) and the matcher rejects
(`RejectReason`, told in an event); `rejection` turns the second into the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol.rejects import RejectReason as Why
from protocol.terms import OrdType


@dataclass(eq=False)
class Refused(Exception):
    """One refusal as the client sees it; `data` is the extra member of a cancel-replace."""

    code: int
    msg: str
    status: int = 400
    data: Mapping[str, Any] | None = None
    retry_after_s: int | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON object of this refusal."""
        told: dict[str, Any] = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            told["data"] = self.data
        return told


OVER_LIMIT = -1003
"""What an address hears that used too much; hearing it costs no weight."""
UNKNOWN = (-1000, "An unknown error occurred while processing the request.", 500)
NOT_FOUND = (-1099, "Not found, authenticated, or authorized", 404)
UNSUPPORTED = (-1020, "This operation is not supported.", 405)
MALFORMED = (-1000, "The request is not valid HTTP.", 400)
HEADERS_TOO_LARGE = (-1000, "The request line and headers are too large.", 431)
BODY_TOO_LARGE = (-1000, "The request body is too large.", 413)


def disconnected() -> Refused:
    """The matcher or the database cannot be reached; nothing was done."""
    text = "Internal error; unable to process your request. Please try again."
    return Refused(-1001, text, 503, retry_after_s=1)


def lagging() -> Refused:
    """History has not caught up with what was acknowledged; it will soon."""
    text = "Internal error; unable to process your request. Please try again."
    return Refused(-1001, text, 503, retry_after_s=1)


def status_unknown() -> Refused:
    """No answer came in time: the request may or may not have been done."""
    text = (
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown."
    )
    return Refused(-1007, text, 504)


def overloaded() -> Refused:
    """The wire to the matcher is full; nothing was journaled."""
    text = "Server is currently overloaded with other requests. Please try again in a few minutes."
    return Refused(-1008, text, 503, retry_after_s=1)


def illegal(name: str, legal: str) -> Refused:
    """A parameter holds characters that it may not."""
    return Refused(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def mandatory(name: str) -> Refused:
    """A parameter is missing."""
    return Refused(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def one_of_two(first: str, second: str) -> Refused:
    """Both of two parameters are missing."""
    return Refused(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def empty(name: str) -> Refused:
    """An optional parameter was sent without a value."""
    return Refused(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> Refused:
    """A parameter was sent that does not go with the others."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def overflowed(name: str) -> Refused:
    """A number is too large."""
    return Refused(-1108, f"Parameter '{name}' overflowed.")


def too_precise(name: str) -> Refused:
    """A number has more decimals than its asset."""
    return Refused(-1111, f"Parameter '{name}' has too much precision.")


def unread(read: int, sent: int) -> Refused:
    """Some parameters are none of the request's."""
    told = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    return Refused(-1104, told)


def not_valid(name: str) -> Refused:
    """A value is none of those allowed."""
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def filter_failure(name: str) -> Refused:
    """A filter of the instrument refuses the order."""
    return Refused(-1013, f"Filter failure: {name}")


INVALID_SYMBOL = (-1121, "Invalid symbol.")
BAD_COMBINATION = (-1128, "Combination of optional parameters invalid.")
UNSUPPORTED_ORDER = (-1014, "Unsupported order combination.")
NO_SUCH_ORDER = (-2013, "Order does not exist.")
WRONG_ID_PAIR = (-2039, "Client order ID is not correct for this order ID.")


@dataclass(frozen=True)
class _Told:
    """Code and text of one reason; `codes` overrides the code for a kind of request."""

    code: int
    text: str
    status: int = 400
    codes: Mapping[str, int] = field(default_factory=dict)


PLACE = "place"
CANCEL = "cancel"
AMEND = "amend"
_ENGINE = {PLACE: -2010, CANCEL: -2011, AMEND: -2038}


def _engine(text: str) -> _Told:
    return _Told(-2010, text, codes=_ENGINE)


def _filter(name: str) -> _Told:
    return _Told(-1013, f"Filter failure: {name}")


_DISABLED = "This action is disabled on this account."
_TOLD: dict[Why, _Told] = {
    Why.NONE: _Told(*UNKNOWN),
    Why.UNKNOWN_COMMAND: _Told(*UNKNOWN),
    Why.UNKNOWN_ACCOUNT: _engine(_DISABLED),
    Why.ACCOUNT_FROZEN: _engine("This account may not place or cancel orders."),
    Why.ACCOUNT_CANCEL_ONLY: _engine(_DISABLED),
    Why.UNKNOWN_INSTRUMENT: _Told(*INVALID_SYMBOL),
    Why.UNKNOWN_ORDER: _engine("Unknown order sent."),
    Why.ORDER_ID_MISMATCH: _engine("Cancel order is invalid. Check origClOrdId and orderId."),
    Why.CANCEL_RESTRICTED: _engine("Order was not canceled due to cancel restrictions."),
    Why.INVALID_SIDE: _Told(-1117, "Invalid side."),
    Why.INVALID_ORD_TYPE: _Told(-1116, "Invalid orderType."),
    Why.INVALID_TIME_IN_FORCE: _Told(-1115, "Invalid timeInForce."),
    Why.INVALID_FIELDS: _Told(*UNSUPPORTED_ORDER),
    Why.INVALID_QTY: _Told(-1013, "Invalid quantity."),
    Why.INVALID_PRICE: _Told(-1013, "Invalid price."),
    Why.MARKET_CLOSED: _engine("Market is closed."),
    Why.PHASE_FORBIDS_ORD_TYPE: _engine("This order type is not possible in this trading phase."),
    Why.ORD_TYPE_NOT_SUPPORTED: _engine("Unsupported order combination"),
    Why.ICEBERG_NOT_SUPPORTED: _engine("Iceberg orders are not supported for this symbol."),
    Why.TRAILING_NOT_SUPPORTED: _engine("Trailing stop orders are not supported for this symbol."),
    Why.QUOTE_QTY_NOT_SUPPORTED: _engine(
        "Quote order qty market orders are not support for this symbol."
    ),
    Why.LIST_NOT_SUPPORTED: _engine("OCO orders are not supported for this symbol"),
    Why.AMEND_NOT_SUPPORTED: _engine("Order amend is not supported for this symbol."),
    Why.REPLACE_NOT_SUPPORTED: _engine("Order cancel-replace is not supported for this symbol."),
    Why.STP_MODE_NOT_ALLOWED: _Told(
        -1013, "This symbol does not allow the specified self-trade prevention mode."
    ),
    Why.PRICE_FILTER: _filter("PRICE_FILTER"),
    Why.LOT_SIZE: _filter("LOT_SIZE"),
    Why.MARKET_LOT_SIZE: _filter("MARKET_LOT_SIZE"),
    Why.ICEBERG_QTY_TOO_LARGE: _engine("IcebergQty exceeds QTY."),
    Why.ICEBERG_PARTS: _filter("ICEBERG_PARTS"),
    Why.TRAILING_DELTA: _filter("TRAILING_DELTA"),
    Why.NOTIONAL: _filter("NOTIONAL"),
    Why.PERCENT_PRICE_BY_SIDE: _filter("PERCENT_PRICE_BY_SIDE"),
    # The dialect knows no static collar; its nearest filter is the one-sided percentage.
    Why.STATIC_COLLAR: _filter("PERCENT_PRICE"),
    Why.DUPLICATE_CL_ORD_ID: _engine("Duplicate order sent."),
    Why.MAX_NUM_ORDERS: _filter("MAX_NUM_ORDERS"),
    Why.MAX_NUM_ALGO_ORDERS: _filter("MAX_NUM_ALGO_ORDERS"),
    Why.MAX_NUM_ICEBERG_ORDERS: _filter("MAX_NUM_ICEBERG_ORDERS"),
    Why.MAX_NUM_ORDER_LISTS: _filter("MAX_NUM_ORDER_LISTS"),
    Why.MAX_POSITION: _Told(-2010, "Filter failure: MAX_POSITION"),
    Why.LIST_PRICES: _engine("The relationship of the prices for the orders is not correct."),
    Why.WOULD_TRIGGER: _engine("Order would trigger immediately."),
    Why.WOULD_MATCH: _engine("Order would immediately match and take."),
    Why.NO_LIQUIDITY: _engine(
        "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
    ),
    Why.INSUFFICIENT_BALANCE: _engine("Account has insufficient balance for requested action."),
    Why.ORDER_CAPACITY: _Told(overloaded().code, overloaded().msg, 503),
    Why.ACCOUNT_ORDER_CAPACITY: _filter("EXCHANGE_MAX_NUM_ORDERS"),
    Why.AMEND_NOT_DECREASE: _engine("Order amend (quantity increase) is not supported."),
    Why.AMEND_BELOW_FILLED: _engine("Invalid quantity."),
    Why.AMEND_NO_CHANGE: _engine("The requested action would change no state; rejecting."),
    Why.MAX_NUM_ORDER_AMENDS: _Told(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"),
    Why.UNKNOWN_LIST: _engine("Unknown order sent."),
    Why.UNKNOWN_ASSET: _Told(*UNKNOWN),
    Why.INVALID_AMOUNT: _Told(*UNKNOWN),
    Why.DUPLICATE_REFERENCE: _Told(*UNKNOWN),
    Why.ALREADY_EXISTS: _Told(*UNKNOWN),
    Why.CAPACITY: _Told(overloaded().code, overloaded().msg, 503),
    Why.INVALID_TERM: _Told(*UNKNOWN),
    Why.INVALID_PHASE: _Told(*UNKNOWN),
}
_TYPE_NAMES = {
    OrdType.LIMIT: "Limit",
    OrdType.MARKET: "Market",
    OrdType.LIMIT_MAKER: "Limit maker",
    OrdType.STOP_LOSS: "Stop loss",
    OrdType.STOP_LOSS_LIMIT: "Stop loss limit",
    OrdType.TAKE_PROFIT: "Take profit",
    OrdType.TAKE_PROFIT_LIMIT: "Take profit limit",
}


def rejection(reason: int, request: str, ord_type: int = 0) -> Refused:
    """Say what the client hears when the matcher rejects a PLACE, CANCEL or AMEND for `reason`."""
    why = Why(reason)
    told = _TOLD[why]
    text = told.text
    if why is Why.ORD_TYPE_NOT_SUPPORTED and ord_type in _TYPE_NAMES:
        text = f"{_TYPE_NAMES[OrdType(ord_type)]} orders are not supported for this symbol."
    return Refused(told.codes.get(request, told.code), text, told.status)
