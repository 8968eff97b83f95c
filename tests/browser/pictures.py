"""Take the pictures of the documents anew: `python -m tests.browser.pictures`, which takes three minutes.

A demo with its simulated market, the pages in a real browser; what was on show is then what a person sees who
types `make up`. Look at every picture before it is committed.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from commands.rest_client import RestClient
from runtime.ports import free_port
from tests.browser import chromium
from tests.browser.conftest import DESK
from tests.browser.trader import Trader
from tests.system.exchange_fixture import Exchange

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
RATE = "80"
WARM_MS = 100_000
"""So many candles of a second are in the chart then."""


def take(trader: Trader, name: str) -> None:
    """Wait for notices to go, then take one picture."""
    trader.page.wait_for_function("document.getElementById('notices').children.length === 0")
    trader.page.screenshot(path=IMAGES / f"{name}.png")


def trading(trader: Trader) -> None:
    """Show the terminal with orders of one's own around the market."""
    trader.arrive()
    trader.page.click("#intervals >> text=1s")
    trader.page.wait_for_timeout(WARM_MS)
    best = _best(trader.client, "BTCUSDT")
    for side, factor in (("buy", 0.9995), ("buy", 0.999), ("sell", 1.0008)):
        trader.place(side, price=f"{best * factor:.2f}", quantity="0.25")
    trader.say("buy", "STOP_LOSS_LIMIT", stopPrice=f"{best * 1.002:.2f}", price=f"{best * 1.003:.2f}", quantity="0.1")  # fmt: skip
    trader.send()
    trader.say("buy", price=f"{best:.2f}", quantity="0.1")
    take(trader, "terminal")


def auction(trader: Trader) -> None:
    """Show a stock in a volatility auction."""
    trader.page.click("[data-symbol=AAPLUSD]")
    trader.venue.asked("halt", "AAPLUSD")
    trader.venue.asked("resume", "AAPLUSD", "--seconds", "120")
    trader.page.wait_for_timeout(20_000)
    trader.say("buy", price=f"{_best(trader.client, 'AAPLUSD'):.2f}", quantity="50")
    trader.send()
    take(trader, "terminal-auction")


def operation(trader: Trader, page: Page) -> None:
    """Show the operator's page."""
    page.goto(trader.venue.status()["rest"] + "/ops")
    page.wait_for_selector("html[data-ready=yes]")
    page.fill("#admin-key", trader.venue.asked("admin-key", "create", "erin")["key"])
    page.click("#enter >> text=Enter")
    page.wait_for_timeout(10_000)
    page.screenshot(path=IMAGES / "operation.png")


def main() -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        ports = ("--rest-port", str(free_port()), "--ws-port", str(free_port()))
        venue = Exchange(Path(folder) / "data", *ports, OPENBOURSE_MARKET_RATE=RATE)
        browser = chromium.launched(playwright)
        try:
            venue.start()
            desk = browser.new_context(viewport=DESK, color_scheme="dark")
            trader = Trader(desk.new_page(), venue)
            trading(trader)
            auction(trader)
            operation(trader, desk.new_page())
        finally:
            browser.close()
            venue.wipe()


def _best(client: RestClient, symbol: str) -> float:
    told = client.public("/api/v3/ticker/price", symbol=symbol)
    return float(told["price"])


if __name__ == "__main__":
    main()
