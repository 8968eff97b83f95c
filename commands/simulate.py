"""`openbourse simulate`: a market that is alive, on the running exchange or in this process.

Simulated traders with accounts of their own trade over the WebSocket API until told to stop (`crowd/`). The same
seed makes the same market, as long as nobody else trades in it. `--offline` lets them trade in the compiled
core alone, as fast as it goes, and prints what their market looks like in figures; `--beside FILE` puts those
of a recorded flow next to them. `--flow FILE` plays a recorded flow as a live market instead.

As `python -m commands.simulate` it is a process of the exchange (`market`), for the demo.
"""

import argparse
import json
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from commands import Refused, flows, live_flow, recorded, traders
from commands.live_crowd import LiveMarket, last_prices, listings
from commands.rest_client import RestClient
from commands.ws_api_client import ConnectionLost
from conf.settings import Settings, load
from crowd.crowd import Crowd, names
from crowd.intents import Listing
from crowd.measures import Figure, Record, measure
from runtime.endpoints import run_dir
from runtime.log import facts
from runtime.service import Service
from runtime.service import run as run_service
from supervision import status

_PATIENCE_S = 120.0
_PAUSE_S = 0.5
_OFFLINE = (
    Listing("BTCUSDT", "BTC", "USDT", 2, 5, 1, 1, 5),
    Listing("ETHUSDT", "ETH", "USDT", 2, 4, 1, 1, 5),
    Listing("AAPLUSD", "AAPL", "USD", 2, 0, 1, 1, 0),
    Listing("AMZNUSD", "AMZN", "USD", 2, 0, 1, 1, 0),
)
"""The shipped instruments, for a market without an exchange."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--rate", type=_rate, help="orders and cancels a second, 1 to 10000")
    parser.add_argument("--seed", type=int, help="the same seed, the same market")
    parser.add_argument("--seconds", type=_seconds, default=0.0, help="how long; 0: until stopped")
    parser.add_argument("--symbol", action="append", default=[], help="only here (again for more)")
    parser.add_argument("--offline", action="store_true", help="in this process; prints figures")
    parser.add_argument("--beside", type=pathlib.Path, help="with --offline: a recorded flow")
    parser.add_argument("--flow", type=pathlib.Path, help="play a recorded flow as a live market")
    parser.add_argument("--speed", type=float, default=1.0, help="with --flow: times real time")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 when it happened.

    Raises: Refused.
    """
    settings = load()
    if args.offline:
        return _offline(settings, args)
    address = _rest_address(settings)
    told = live_flow.play(settings, address, args) if args.flow else _live(settings, address, args)
    print(json.dumps(told) if args.json else facts(**told))
    return 0


@dataclass
class Tally:
    """What was done so far."""

    orders: int = 0
    refused: int = 0
    restarts: int = 0


def trade(
    people: Crowd,
    market: LiveMarket,
    tally: Tally,
    goes_on: Callable[[], bool],
) -> None:
    """Let the crowd trade in step with the clock; when the exchange is slower, in step with it.

    Raises: ConnectionLost.
    """
    begun_s, started_s = time.monotonic(), people.now_s
    while goes_on():
        intents = people.act(market.views(people.now_s))
        outcomes = market.ask(intents)
        people.hear(intents, outcomes)
        tally.orders += len(intents)
        tally.refused += sum(1 for one in outcomes if one.refusal)
        ahead_s = (people.now_s - started_s) - (time.monotonic() - begun_s)
        if ahead_s > 0:
            time.sleep(ahead_s)


def keep_trading(
    open_market: Callable[[], LiveMarket],
    people: Crowd,
    tally: Tally,
    goes_on: Callable[[], bool],
    tell: Callable[[str], None],
) -> None:
    """Trade until `goes_on` says no; through restarts of the exchange, each begun with an empty hand.

    Raises: Refused when the exchange stays away for two minutes.
    """
    lost_s = time.monotonic()
    while goes_on():
        try:
            market = open_market()
        except (ConnectionLost, Refused) as why:
            if time.monotonic() - lost_s > _PATIENCE_S:
                raise Refused(f"the exchange stays away: {why}") from why
            time.sleep(_PAUSE_S)
            continue
        try:
            market.clear()
            people.forget()
            trade(people, market, tally, goes_on)
        except (ConnectionLost, Refused) as why:
            tell(f"trading stops for a while: {why}")
            tally.restarts += 1
            lost_s = time.monotonic()
        finally:
            market.close()


def _live(settings: Settings, address: tuple[str, int], args: argparse.Namespace) -> dict[str, Any]:
    tally = Tally()
    people, open_market = _open(settings, address, args.symbol, _rate_of(settings, args), args.seed)
    begun_s = time.monotonic()

    def goes_on() -> bool:
        return not args.seconds or time.monotonic() - begun_s < args.seconds

    try:
        keep_trading(open_market, people, tally, goes_on, lambda text: print(text, file=sys.stderr))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    seconds = time.monotonic() - begun_s
    return {**vars(tally), "seconds": round(seconds, 1), "rate": round(tally.orders / seconds, 1)}


def _open(
    settings: Settings,
    address: tuple[str, int],
    symbols: Sequence[str],
    rate: float,
    seed: int | None,
) -> tuple[Crowd, Callable[[], LiveMarket]]:
    client = RestClient(*address)
    markets = listings(client, symbols)
    prices = last_prices(client)
    client.connection.close()
    keys = traders.accounts(settings, names())
    seed = settings.market.seed if seed is None else seed
    people = Crowd(markets, seed=seed, rate=rate, prices=prices)
    return people, lambda: LiveMarket(address, markets, keys)


def _offline(settings: Settings, args: argparse.Namespace) -> int:
    from commands import core_crowd

    chosen = [one for one in _OFFLINE if one.symbol in args.symbol or not args.symbol]
    if len(chosen) < len(args.symbol):
        known = ", ".join(one.symbol for one in _OFFLINE)
        raise Refused(f"--offline knows {known}, not all of {', '.join(args.symbol)}")
    rate, seed = _rate_of(settings, args), settings.market.seed if args.seed is None else args.seed
    done = core_crowd.run(chosen, seed=seed, rate=rate, seconds=args.seconds or 600.0)
    columns = {symbol: _figures(record) for symbol, record in done.records.items()}
    if args.beside:
        try:
            flow = flows.read(args.beside)
        except (OSError, flows.NotAFlow) as wrong:
            raise Refused(f"cannot read {args.beside}: {wrong}") from wrong
        columns["recorded"] = _figures(recorded.record_of(flow))
    if args.json:
        print(
            json.dumps(
                {
                    name: {one.name: round(one.value, 4) for one in column}
                    for name, column in columns.items()
                }
            )
        )
    else:
        _print_table(columns)
    return 0


def _figures(record: Record) -> list[Figure]:
    try:
        return measure(record)
    except ValueError as why:
        raise Refused(f"{why}: let it run longer (--seconds), or faster (--rate)") from why


def _print_table(columns: dict[str, list[Figure]]) -> None:
    print("| figure | " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for line in zip(*columns.values(), strict=True):
        print(f"| {line[0].name} | " + " | ".join(f"{one.value:.2f}" for one in line) + " |")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 1 <= rate <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 1 to 10000")
    return rate


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    # Nothing is later than a NaN: a market would run for ever.
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, 0 or more")
    return seconds


def _rate_of(settings: Settings, args: argparse.Namespace) -> float:
    return float(args.rate or settings.market.rate or 1)


def _rest_address(settings: Settings) -> tuple[str, int]:
    told = status.told(run_dir(settings.data_dir))
    host, _, port = str(told["rest"]).removeprefix("http://").rpartition(":")
    if not port.isdigit():
        raise Refused(
            f"the exchange on {settings.data_dir} is not running: start it with `openbourse up`"
        )
    return host, int(port)


def serve(service: Service, settings: Settings) -> None:
    """Be the demo's market: trade until the service is stopped."""
    address = (settings.rest.host, settings.rest.port)
    tally = Tally()
    people, open_market = _open(settings, address, (), settings.market.rate, None)
    service.ready(rate=settings.market.rate, seed=settings.market.seed)

    def goes_on() -> bool:
        service.beat(**vars(tally))
        return not service.stopping

    keep_trading(open_market, people, tally, goes_on, service.log.warning)


def main(arguments: Iterable[str] = ()) -> int:
    """Run as a process of the exchange; the exit status."""
    settings = load()

    def body(service: Service) -> None:
        serve(service, settings)

    return run_service("market", settings.data_dir, settings.supervision.log_level, body)


if __name__ == "__main__":
    sys.exit(main())
