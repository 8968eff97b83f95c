"""Where the fields of an event lie, for compiled code that reads raw records.

A record is read as a row of int64 (`words`) and as a row of bytes (`octets`): texts and fields of one byte from the
latter. What is wider than a byte but no int64 is part of a word, of which it is cut out.
"""

from ingress.compiled import bare
from ingress.compiled.tables import Numbers
from protocol.records import Event

OCTETS_EACH = Event.dtype.itemsize
WORDS_EACH = OCTETS_EACH // 8
TEXT_END = Event.dtype.fields["cl_ord_id"][1] + Event.dtype["cl_ord_id"].itemsize  # type: ignore[index]
"""Where the text that starts at CL_ORD_ID ends."""


def _octet(name: str) -> int:
    """Return at which byte a field lies."""
    return int(Event.dtype.fields[name][1])  # type: ignore[index]


def _word(name: str) -> int:
    """Return which of a record's words an int64 field is."""
    assert Event.dtype[name].itemsize == 8, name
    return _octet(name) // 8


def _part(name: str) -> tuple[int, int, int]:
    """Return the word in which a narrower field lies, and the shift and the mask that cut it out."""
    word, within = divmod(_octet(name), 8)
    return word, within * 8, (1 << Event.dtype[name].itemsize * 8) - 1


KIND, FLAGS, REASON = _octet("kind"), _octet("flags"), _octet("reason")
STATUS, TIME, STP_MODE = _octet("ord_status"), _octet("time_in_force"), _octet("stp_mode")
ORD_TYPE, SIDE, CL_ORD_ID = _octet("ord_type"), _octet("side"), _octet("cl_ord_id")
ORDER_ID, LIST_ID, TRADE_ID = _word("order_id"), _word("list_id"), _word("trade_id")
AT_NS, WORKING_NS, EXPIRE_NS = _word("at_ns"), _word("working_ns"), _word("expire_ns")
PRICE, ORDER_QTY, QUOTE_QTY = _word("price"), _word("order_qty"), _word("quote_qty")
CUM_QTY, CUM_QUOTE, FEE = _word("cum_qty"), _word("cum_quote"), _word("fee")
LAST_PX, LAST_QTY, STOP_PX = _word("last_px"), _word("last_qty"), _word("stop_px")
DISPLAY_QTY, PREVENTED_QTY = _word("display_qty"), _word("prevented_qty")
STRATEGY_ID = _word("strategy_id")
INSTRUMENT, ACCOUNT, ASSET = _part("instrument"), _part("account"), _part("asset")
STRATEGY_TYPE, TRAILING_BIPS = _part("strategy_type"), _part("trailing_bips")


@bare
def cut(words: Numbers, part: tuple[int, int, int]) -> int:
    """Read a field that is a part of a word."""
    field: int = (words[part[0]] >> part[1]) & part[2]
    return field
