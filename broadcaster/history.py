"""The past of an instrument, asked of the exchange's own REST door (API section 7).

The broadcaster holds no database and no journal; what was before it started, or was lost on the
wire, it asks for as any client would: candles of whole minutes and hours, and aggregated trades.
"""

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlencode

from broadcaster.recent import Past
from protocol.intervals import HOUR_NS, MINUTE_NS
from protocol.names import Instrument
from protocol.tape import AggTrade, Candle
from protocol.units import to_units

PAGE = 1000
PAST_NS = 25 * HOUR_NS
"""How far back minutes are asked for: a day, and the hour that it begins in."""
TIMEOUT_S = 20.0
_MS = 1_000_000


class Unavailable(RuntimeError):
    """The history cannot be had now; the message says why."""


class RestHistory:
    """The REST door at this address."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def past(self, instrument: Instrument, now_ns: int) -> Past:
        """Return what was before `now_ns`, and the trades of the minute now running.

        Raises: Unavailable.
        """
        minute_ns = now_ns - now_ns % MINUTE_NS
        begin_ns = (minute_ns - PAST_NS) // HOUR_NS * HOUR_NS
        minutes = await self._candles(instrument, "1m", begin_ns, minute_ns)
        hours = await self._newest_hours(instrument, minute_ns)
        trades = await self._trades(instrument, startTime=minute_ns // _MS)
        if trades:
            before = await self._agg_trades(instrument, fromId=trades[0].agg_trade_id - 1, limit=1)
            last = before[0] if before[0].agg_trade_id < trades[0].agg_trade_id else None
        else:
            before = await self._agg_trades(instrument, limit=1)
            last = before[0] if before else None
        return Past(minutes, hours, trades, last)

    async def trades_from(self, instrument: Instrument, agg_trade_id: int) -> list[AggTrade]:
        """Return all aggregated trades from an id on.

        Raises: Unavailable.
        """
        return await self._trades(instrument, fromId=agg_trade_id)

    async def _trades(self, instrument: Instrument, **first: int) -> list[AggTrade]:
        found = await self._agg_trades(instrument, **first, limit=PAGE)
        page = found
        while len(page) == PAGE:
            next_id = page[-1].agg_trade_id + 1
            page = await self._agg_trades(instrument, fromId=next_id, limit=PAGE)
            found += page
        return found

    async def _agg_trades(self, instrument: Instrument, **asked: int) -> list[AggTrade]:
        rows = await self._get("aggTrades", symbol=instrument.symbol, **asked)
        return [
            AggTrade(
                agg_trade_id=row["a"],
                price=to_units(row["p"], instrument.price_decimals),
                qty=to_units(row["q"], instrument.qty_decimals),
                first_trade_id=row["f"],
                last_trade_id=row["l"],
                at_ns=row["T"] * _MS,
                buyer_is_maker=row["m"],
            )
            for row in rows
        ]

    async def _candles(
        self, instrument: Instrument, interval: str, from_ns: int, until_ns: int
    ) -> list[Candle]:
        found: list[Candle] = []
        while from_ns < until_ns:
            page = await self._klines(
                instrument,
                interval=interval,
                startTime=from_ns // _MS,
                endTime=until_ns // _MS - 1,
                limit=PAGE,
            )
            found += page
            if len(page) < PAGE:
                break
            from_ns = page[-1].open_ns + MINUTE_NS
        return found

    async def _newest_hours(self, instrument: Instrument, until_ns: int) -> list[Candle]:
        until_ns -= until_ns % HOUR_NS
        end = until_ns // _MS - 1
        return await self._klines(instrument, interval="1h", endTime=end, limit=PAGE)

    async def _klines(self, instrument: Instrument, **asked: Any) -> list[Candle]:
        rows = await self._get("klines", symbol=instrument.symbol, **asked)
        return [_candle(row, instrument) for row in rows]

    async def _get(self, what: str, **asked: Any) -> list[Any]:
        path = f"/api/v3/{what}"
        try:
            return await asyncio.to_thread(self._ask, f"{path}?{urlencode(asked)}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Without the query, so that the same trouble reads the same at the next try.
            raise Unavailable(f"GET {path}: {error}") from error

    def _ask(self, path: str) -> list[Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"{response.status} {body[:200].decode(errors='replace')}")
        answer = json.loads(body)
        if not isinstance(answer, list):
            raise ValueError(f"a list was expected, not {body[:200].decode(errors='replace')}")  # noqa: TRY004 - what came is wrong, not its type in our code
        return answer


def _candle(row: list[Any], instrument: Instrument) -> Candle:
    """Read one row of klines; it tells no trade ids."""
    opened, high, low, closed = (to_units(text, instrument.price_decimals) for text in row[1:5])
    turnover_decimals = instrument.price_decimals + instrument.qty_decimals
    return Candle(
        open_ns=row[0] * _MS,
        open=opened,
        high=high,
        low=low,
        close=closed,
        qty=to_units(row[5], instrument.qty_decimals),
        quote_qty=to_units(row[7], turnover_decimals),
        taker_buy_qty=to_units(row[9], instrument.qty_decimals),
        taker_buy_quote_qty=to_units(row[10], turnover_decimals),
        trade_count=row[8],
        first_trade_id=0,
        last_trade_id=0,
    )
