"""Write one new order as its answer, from the raw records of its events: compiled, for plain orders.

The bytes are those of `present.placed`; what is plain is told in `ingress/compiled/telling.py`. Every function
writes to `out` at `at` and returns where that ends, or NOT_PLAIN; then what it wrote means nothing.
"""

from ingress.compiled import bare
from ingress.compiled.event_fields import (
    ASSET,
    AT_NS,
    CL_ORD_ID,
    CUM_QTY,
    CUM_QUOTE,
    DISPLAY_QTY,
    EXPIRE_NS,
    FEE,
    INSTRUMENT,
    KIND,
    LAST_PX,
    LAST_QTY,
    LIST_ID,
    ORD_TYPE,
    ORDER_ID,
    ORDER_QTY,
    PREVENTED_QTY,
    PRICE,
    QUOTE_QTY,
    REASON,
    SIDE,
    STATUS,
    STOP_PX,
    STP_MODE,
    STRATEGY_ID,
    STRATEGY_TYPE,
    TEXT_END,
    TIME,
    TRADE_ID,
    TRAILING_BIPS,
    WORKING_NS,
    cut,
)
from ingress.compiled.tables import (
    ACK,
    ASSET_DECIMALS,
    CODE_LENGTH,
    FULL,
    PRICE_DECIMALS,
    QTY_DECIMALS,
    QUOTE,
    SYMBOL_LENGTH,
    Numbers,
    Octets,
    Table,
    Texts,
)
from ingress.compiled.writing import (
    CLOSE,
    COMMA,
    END,
    LEAST,
    MOST_DECIMALS,
    OPEN,
    piece,
    put,
    put_decimal,
    put_signed,
    put_text,
    put_whole,
    put_word,
    words_of,
)
from protocol.terms import (
    EventKind,
    ExpiryReason,
    OrdStatus,
    OrdType,
    Side,
    StpMode,
    TimeInForce,
)

ORDER_ROOM, FILL_ROOM = 1024, 256
"""So many bytes must be left before an order, and before each fill; nearly always fewer are used."""
NOT_PLAIN = -1

_TRADE, _EXPIRED = int(EventKind.TRADE), int(OrdStatus.EXPIRED)
_STATUSES, _STATUS_LENGTHS = words_of('","status":"', {one: one.name for one in OrdStatus})
_TIMES, _TIME_LENGTHS = words_of(
    '","timeInForce":"', {0: TimeInForce.GTC.name} | {one: one.name for one in TimeInForce}
)
_ORD_TYPES, _ORD_TYPE_LENGTHS = words_of('","type":"', {one: one.name for one in OrdType})
_SIDES, _SIDE_LENGTHS = words_of('","side":"', {one: one.name for one in Side})
_STP_MODES, _STP_MODE_LENGTHS = words_of(
    '","selfTradePreventionMode":"', {one: one.name for one in StpMode}
)
_EXPIRIES, _EXPIRY_LENGTHS = words_of(
    ',"expiryReason":"', {one: one.name for one in ExpiryReason}, '"'
)

_SYMBOL, _ID, _LIST = piece('{"symbol":"'), piece('","orderId":'), piece(',"orderListId":')
_NONE, _CLIENT_ID, _TIME_TOLD = piece("-1"), piece(',"clientOrderId":"'), piece('","transactTime":')
_PRICE_TOLD, _ORIG_QTY = piece(',"price":"'), piece('","origQty":"')
_EXECUTED, _ORIG_QUOTE = piece('","executedQty":"'), piece('","origQuoteOrderQty":"')
_TURNOVER, _WORKING = piece('","cummulativeQuoteQty":"'), piece('","workingTime":')
_FILLS = piece(',"fills":')
_FILL_PRICE, _FILL_QTY, _FEE_TOLD = (
    piece('{"price":"'),
    piece('","qty":"'),
    piece('","commission":"'),
)
_FEE_ASSET, _TRADE_TOLD = piece('","commissionAsset":"'), piece('","tradeId":')


@bare
def _has_conditional(words: Numbers) -> bool:
    """Say whether an order has a field that only some have (API section 8.1, conditional fields)."""
    narrow = cut(words, STRATEGY_TYPE) | cut(words, TRAILING_BIPS)
    quantities = words[DISPLAY_QTY] | words[PREVENTED_QTY] | words[STOP_PX]
    return bool((narrow | quantities | words[STRATEGY_ID] | words[EXPIRE_NS]) != 0)


@bare
def _put_name(
    octets: Octets, words: Numbers, unit_ns: int, symbol: Octets, out: Octets, at: int
) -> int:
    """Write what an ACK holds."""
    order_id, list_id, at_ns = words[ORDER_ID], words[LIST_ID], words[AT_NS]
    if (order_id | list_id | at_ns) < 0:
        return NOT_PLAIN
    at = put_text(out, put(out, at, _SYMBOL), symbol)
    if at < 0:
        return NOT_PLAIN
    at = put_whole(out, put(out, at, _ID), order_id)
    at = put(out, at, _LIST)
    at = put(out, at, _NONE) if list_id == 0 else put_whole(out, at, list_id)
    at = put(out, at, _CLIENT_ID)
    text = octets[CL_ORD_ID:TEXT_END]
    length = len(text)
    while length > 0 and text[length - 1] == 0:
        length -= 1
    at = put_text(out, at, text[:length])
    if at < 0:
        return NOT_PLAIN
    return put_whole(out, put(out, at, _TIME_TOLD), at_ns // unit_ns)


@bare
def _put_standing(words: Numbers, instrument: Numbers, assets: Table, out: Octets, at: int) -> int:
    """Write the numbers of an order."""
    price, order_qty, cum_qty = words[PRICE], words[ORDER_QTY], words[CUM_QTY]
    quote_qty, cum_quote = words[QUOTE_QTY], words[CUM_QUOTE]
    quote = instrument[QUOTE]
    if (price | order_qty | cum_qty | quote_qty | cum_quote | quote) < 0 or quote >= len(assets):
        return NOT_PLAIN
    money = assets[quote, ASSET_DECIMALS]
    price_decimals, qty_decimals = instrument[PRICE_DECIMALS], instrument[QTY_DECIMALS]
    if (price_decimals | qty_decimals | money) < 0:
        return NOT_PLAIN
    if max(price_decimals, qty_decimals, money) > MOST_DECIMALS:
        return NOT_PLAIN
    at = put_decimal(out, put(out, at, _PRICE_TOLD), price, price_decimals)
    at = put_decimal(out, put(out, at, _ORIG_QTY), order_qty, qty_decimals)
    at = put_decimal(out, put(out, at, _EXECUTED), cum_qty, qty_decimals)
    at = put_decimal(out, put(out, at, _ORIG_QUOTE), quote_qty, money)
    return put_decimal(out, put(out, at, _TURNOVER), cum_quote, money)


@bare
def _put_words(octets: Octets, working_ns: int, unit_ns: int, out: Octets, at: int) -> int:
    """Write the enums of an order, and since when it works."""
    status, time, ord_type = octets[STATUS], octets[TIME], octets[ORD_TYPE]
    side, stp_mode = octets[SIDE], octets[STP_MODE]
    if _STATUS_LENGTHS[status] == 0 or _TIME_LENGTHS[time] == 0 or working_ns < 0:
        return NOT_PLAIN
    if _ORD_TYPE_LENGTHS[ord_type] == 0 or _SIDE_LENGTHS[side] == 0:
        return NOT_PLAIN
    if _STP_MODE_LENGTHS[stp_mode] == 0:
        return NOT_PLAIN
    at = put_word(out, at, _STATUSES, _STATUS_LENGTHS, status)
    at = put_word(out, at, _TIMES, _TIME_LENGTHS, time)
    at = put_word(out, at, _ORD_TYPES, _ORD_TYPE_LENGTHS, ord_type)
    at = put_word(out, at, _SIDES, _SIDE_LENGTHS, side)
    at = put_word(out, at, _STP_MODES, _STP_MODE_LENGTHS, stp_mode)
    at = put(out, at, _WORKING)
    at = put(out, at, _NONE) if working_ns == 0 else put_whole(out, at, working_ns // unit_ns)
    if status == _EXPIRED:
        # A reason without a word has length 0: nothing is written.
        at = put_word(out, at, _EXPIRIES, _EXPIRY_LENGTHS, octets[REASON])
    return at


@bare
def _put_fill(
    words: Numbers, instrument: Numbers, codes: Texts, assets: Table, out: Octets, at: int
) -> int:
    """Write one trade. The decimals of the instrument were looked at before."""
    price, qty, fee, trade_id = words[LAST_PX], words[LAST_QTY], words[FEE], words[TRADE_ID]
    asset = cut(words, ASSET)
    if (price | qty | trade_id) < 0 or fee == LEAST or asset >= len(assets):
        return NOT_PLAIN
    decimals = assets[asset, ASSET_DECIMALS]
    if not 0 <= decimals <= MOST_DECIMALS:
        return NOT_PLAIN
    at = put_decimal(out, put(out, at, _FILL_PRICE), price, instrument[PRICE_DECIMALS])
    at = put_decimal(out, put(out, at, _FILL_QTY), qty, instrument[QTY_DECIMALS])
    at = put_signed(out, put(out, at, _FEE_TOLD), fee, decimals)
    at = put_text(out, put(out, at, _FEE_ASSET), codes[asset, : assets[asset, CODE_LENGTH]])
    if at < 0:
        return NOT_PLAIN
    at = put_whole(out, put(out, at, _TRADE_TOLD), trade_id)
    out[at] = END
    return at + 1


@bare
def _put_fills(
    octets: Texts,
    words: Table,
    instrument: Numbers,
    codes: Texts,
    assets: Table,
    out: Octets,
    at: int,
) -> int:
    """Write the trades of the order that the first event is about."""
    at = put(out, at, _FILLS)
    opened = at
    out[at] = OPEN
    at += 1
    for record in range(1, len(words)):
        if octets[record, KIND] != _TRADE or words[record, ORDER_ID] != words[0, ORDER_ID]:
            continue
        if at + FILL_ROOM > len(out):
            return NOT_PLAIN
        if at > opened + 1:
            out[at] = COMMA
            at += 1
        at = _put_fill(words[record], instrument, codes, assets, out, at)
        if at < 0:
            return NOT_PLAIN
    out[at] = CLOSE
    return at + 1


@bare
def put_order(
    octets: Texts,
    words: Table,
    last: int,
    answer: int,
    unit_ns: int,
    symbols: Texts,
    instruments: Table,
    codes: Texts,
    assets: Table,
    out: Octets,
    at: int,
) -> int:
    """Write one order. octets, words: the records of its command; last: the event that says how it stands."""
    number = cut(words[0], INSTRUMENT)
    if number >= len(instruments) or answer > FULL or _has_conditional(words[last]):
        return NOT_PLAIN
    instrument = instruments[number]
    symbol = symbols[number, : instrument[SYMBOL_LENGTH]]
    at = _put_name(octets[0], words[0], unit_ns, symbol, out, at)
    if at >= 0 and answer != ACK:
        at = _put_standing(words[last], instrument, assets, out, at)
        if at >= 0:
            at = _put_words(octets[last], words[last, WORKING_NS], unit_ns, out, at)
        if at >= 0 and answer == FULL:
            at = _put_fills(octets, words, instrument, codes, assets, out, at)
    if at < 0:
        return NOT_PLAIN
    out[at] = END
    return at + 1
