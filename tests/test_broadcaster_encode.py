"""The text and the frames of stream messages (API section 11.1)."""

import json
from dataclasses import replace

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from broadcaster.encode import MICROSECOND, MILLISECOND, combined, frame_of, text_of
from broadcaster.messages import (
    Aggregate,
    AveragePrice,
    BookTicker,
    DepthUpdate,
    Kline,
    PartialDepth,
    ServerShutdown,
    Ticker,
    Tickers,
    Trade,
)
from protocol.intervals import MINUTE_NS
from protocol.tape import AggTrade, Candle, PublicTrade
from tests.market_events import BTCUSDT

BTC = BTCUSDT
AAPL = replace(BTCUSDT, symbol="AAPLUSD", qty_decimals=0)
TOLD_NS = 1_672_515_782_136_999_999


def test_a_trade_has_the_fields_of_the_dialect_in_its_order():
    trade = PublicTrade(12345, 77, 1670012, 100, 1_672_515_782_100_000_001, buyer_is_maker=True)
    assert text_of(Trade(BTC, trade, TOLD_NS), MILLISECOND) == (
        '{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"16700.12000000",'
        '"q":"0.00100000","T":1672515782100,"m":true,"M":true}'
    )


def test_an_aggregated_trade_has_the_fields_of_the_dialect_in_its_order():
    trade = AggTrade(77, 18850, 300, 12345, 12347, 1_672_515_782_100_000_001, buyer_is_maker=False)
    assert text_of(Aggregate(AAPL, trade, TOLD_NS), MILLISECOND) == (
        '{"e":"aggTrade","E":1672515782136,"s":"AAPLUSD","a":77,"p":"188.50000000",'
        '"q":"300.00000000","f":12345,"l":12347,"T":1672515782100,"m":false,"M":true}'
    )


def test_times_are_microseconds_for_who_asks_for_them():
    trade = PublicTrade(1, 1, 1, 1, 1_672_515_782_100_000_001, buyer_is_maker=True)
    told = json.loads(text_of(Trade(BTC, trade, TOLD_NS), MICROSECOND))
    assert (told["E"], told["T"]) == (1672515782136999, 1672515782100000)


def test_a_depth_difference_tells_gone_levels_as_zero():
    update = DepthUpdate(BTC, 157, 160, [(240, 1000000), (239, 0)], [], TOLD_NS)
    assert text_of(update, MILLISECOND) == (
        '{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT","U":157,"u":160,'
        '"b":[["2.40000000","10.00000000"],["2.39000000","0.00000000"]],"a":[]}'
    )


def test_partial_depth_has_neither_event_type_nor_symbol():
    depth = PartialDepth(BTC, 160, [(240, 1000000)], [(260, 1)])
    assert text_of(depth, MILLISECOND) == (
        '{"lastUpdateId":160,"bids":[["2.40000000","10.00000000"]],'
        '"asks":[["2.60000000","0.00001000"]]}'
    )


def test_an_empty_side_of_the_book_ticker_is_zero():
    ticker = BookTicker(BTC, 400900217, (0, 0), (2536520, 4066000))
    assert text_of(ticker, MILLISECOND) == (
        '{"u":400900217,"s":"BTCUSDT","b":"0.00000000","B":"0.00000000",'
        '"a":"25365.20000000","A":"40.66000000"}'
    )


CANDLE = Candle(
    1_672_515_780_000_000_000,
    10,
    25,
    15,
    20,
    1_000_000,
    17_500_000,
    500_000,
    9_000_000,
    100,
    1,
    100,
)


def test_a_candle_has_the_fields_of_the_dialect_in_its_order():
    kline = Kline(BTC, "1m", CANDLE.open_ns + MINUTE_NS, CANDLE, closed=True, told_ns=TOLD_NS)
    assert text_of(kline, MILLISECOND) == (
        '{"e":"kline","E":1672515782136,"s":"BTCUSDT","k":{"t":1672515780000,'
        '"T":1672515839999,"s":"BTCUSDT","i":"1m","f":1,"L":100,"o":"0.10000000",'
        '"c":"0.20000000","h":"0.25000000","l":"0.15000000","v":"10.00000000","n":100,"x":true,'
        '"q":"1.75000000","V":"5.00000000","Q":"0.90000000","B":"0"}}'
    )
    assert json.loads(text_of(kline, MICROSECOND))["k"]["T"] == 1672515839999999


def _ticker(event: str, candle: Candle | None = CANDLE) -> Ticker:
    best = ((24, 100_000), (0, 0))
    return Ticker(event, BTC, candle, 9, 5_000, best, CANDLE.open_ns, TOLD_NS)


def test_the_ticker_of_24_hours_has_the_fields_of_the_dialect_in_its_order():
    assert text_of(_ticker("24hrTicker"), MILLISECOND) == (
        '{"e":"24hrTicker","E":1672515782136,"s":"BTCUSDT","p":"0.10000000","P":"100.000",'
        '"w":"0.17500000","x":"0.09000000","c":"0.20000000","Q":"0.05000000",'
        '"b":"0.24000000","B":"1.00000000","a":"0.00000000","A":"0.00000000",'
        '"o":"0.10000000","h":"0.25000000","l":"0.15000000","v":"10.00000000",'
        '"q":"1.75000000","O":1672515780000,"C":1672515782136,"F":1,"L":100,"n":100}'
    )


def test_other_tickers_have_fewer_fields():
    window = json.loads(text_of(_ticker("1hTicker"), MILLISECOND))
    assert "".join(window) == "eEspPohlcwvqOCFLn"
    mini = json.loads(text_of(_ticker("24hrMiniTicker"), MILLISECOND))
    assert "".join(mini) == "eEscohlvq"
    both = Tickers([_ticker("1hTicker"), _ticker("24hrMiniTicker")])
    assert json.loads(text_of(both, MILLISECOND)) == [window, mini]


def test_a_ticker_without_trades_is_zero():
    told = json.loads(text_of(_ticker("24hrTicker", None), MILLISECOND))
    assert (told["c"], told["P"], told["w"], told["Q"]) == (
        "0.00000000",
        "0.000",
        "0.00000000",
        "0.00000000",
    )
    assert (told["F"], told["L"], told["n"]) == (-1, -1, 0)


def test_a_falling_price_is_told_with_a_sign():
    told = json.loads(text_of(_ticker("24hrTicker", CANDLE._replace(close=5)), MILLISECOND))
    assert (told["p"], told["P"]) == ("-0.05000000", "-50.000")


def test_an_average_price_has_the_fields_of_the_dialect_in_its_order():
    average = AveragePrice(BTC, 5, 17_500_000, 1_000_000, 1_693_907_032_213_000_000, TOLD_NS)
    assert text_of(average, MILLISECOND) == (
        '{"e":"avgPrice","E":1672515782136,"s":"BTCUSDT","i":"5m","w":"0.17500000",'
        '"T":1693907032213}'
    )


def test_combined_streams_wrap_the_payload():
    payload = text_of(ServerShutdown(TOLD_NS), MILLISECOND)
    assert json.loads(combined("!serverShutdown", payload)) == {
        "stream": "!serverShutdown",
        "data": {"e": "serverShutdown", "E": 1672515782136},
    }


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_a_frame_is_what_the_library_would_send(size):
    text = "é" * (size // 2) + "x" * (size % 2)
    frame = frame_of(text)
    assert frame == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
    reader = StreamReader()
    reader.feed_data(frame)
    with pytest.raises(StopIteration) as parsed:
        next(Frame.parse(reader.read_exact, mask=False))
    assert parsed.value.value.data == text.encode()
