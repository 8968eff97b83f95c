"""A person at the terminal: what they do, in the words of the trade, and what they then see."""

import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from commands.rest_client import Keys, RestClient
from tests.system.exchange_fixture import Exchange

SHOTS = Path(os.environ.get("OPENBOURSE_SHOTS", "build/browser"))
PATIENCE_MS = 30_000
"""Long, because tests share their processors; nothing waits for it but a failure."""
REFUSED = "the server responded with a status of 4"
"""The browser notes every refused request in its console, also one that was meant to be."""


class Trader:
    """One person with one page; `bob` trades against them by REST."""

    def __init__(self, page: Page, venue: Exchange) -> None:
        self.page = page
        self.venue = venue
        self.allowed: tuple[str, ...] = ()
        """Parts of messages that this test may leave in the console."""
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda told: self._hear(told.type, f"{told.text} {told.location}"))
        page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.client: RestClient = venue.client()
        self.bob: Keys = venue.demo_keys("bob")

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def judge(self) -> None:
        """Fail for whatever the console holds that the test did not announce."""
        unexpected = [
            text for text in self.complaints if not any(part in text for part in self.allowed)
        ]
        assert unexpected == [], unexpected

    def arrive(self, symbol: str = "BTCUSDT", account: str = "alice") -> None:
        """Open the terminal, take an instrument and an account of the demo."""
        self.page.goto(self.venue.status()["rest"] + "/")
        self.page.wait_for_selector("html[data-ready=yes]")
        self.page.click(f"[data-symbol={symbol}]")
        if account:
            self.page.click("#keys-open")
            self.page.click(f"#demo-buttons >> text=Use {account}")
            expect(self.page.locator("#available")).not_to_have_text("–")
        self.page.wait_for_selector("html[data-connection=open]")

    def say(self, side: str, kind: str = "LIMIT", **fields: str) -> None:
        """Fill in the ticket."""
        self.page.click(f"#side-{side}")
        self.page.select_option("#kind", kind)
        for name, value in fields.items():
            if name == "force":
                self.page.select_option("#time-in-force", value)
            elif name in ("pendingSide", "pendingType"):
                self.page.select_option(f"#field-{name}", value)
            else:
                self.page.fill(f"#field-{name}", value)

    def send(self) -> str:
        """Send the order and return what the ticket says."""
        self.page.evaluate("document.getElementById('ticket-result').textContent = ''")
        self.page.click("#submit")
        expect(self.page.locator("#submit")).to_be_enabled()
        expect(self.page.locator("#ticket-result")).not_to_have_text("")
        return self.page.inner_text("#ticket-result")

    def place(self, side: str, kind: str = "LIMIT", **fields: str) -> str:
        """Fill in the ticket and send it."""
        self.say(side, kind, **fields)
        return self.send()

    def level(self, side: str, price: str) -> Callable[[], str]:
        """Return what reads the quantity that the ladder shows at a price ("" for none)."""
        script = """([side, price]) => {
            const rows = [...document.querySelectorAll(`#${side} .level:not([hidden])`)];
            const row = rows.find((one) => one.querySelector(".price").textContent === price);
            return row ? row.querySelector(".qty").textContent : "";
        }"""
        return lambda: str(self.page.evaluate(script, [side, price]))

    def prices(self, side: str) -> Callable[[], list[str]]:
        """Return what reads the prices that the ladder shows of a side, best first."""
        script = """(side) => [...document.querySelectorAll(`#${side} .level:not([hidden]) .price`)]
            .map((price) => price.textContent)"""
        return lambda: list(self.page.evaluate(script, side))

    def sees(self, read: Callable[[], object], wanted: object) -> None:
        """Wait until something reads as wanted."""
        deadline = PATIENCE_MS
        while read() != wanted and deadline > 0:
            self.page.wait_for_timeout(50)
            deadline -= 50
        assert read() == wanted

    def open_orders(self) -> list[str]:
        """Return the rows of the open orders as text, cells divided by bars."""
        rows = self.page.locator("#rows-open tr").all()
        return [" | ".join(cell.inner_text() for cell in row.locator("td").all()) for row in rows]

    def count(self) -> str:
        """Return how many open orders the tab tells."""
        return self.page.inner_text("#open-count")

    def balance(self, asset: str) -> tuple[str, str]:
        """Return free and locked of an asset, as the page knows them."""
        script = """(asset) => {
            const one = terminal.account.balances.get(asset);
            return one ? [one.free, one.locked] : ["0", "0"];
        }"""
        free, locked = self.page.evaluate(script, asset)
        return free, locked

    def bob_trades(self, side: str, price: str, quantity: str, symbol: str = "BTCUSDT") -> str:
        """Let the other account enter a limit order; its status."""
        fields = {"symbol": symbol, "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        told = self.client.signed(
            "POST", "/api/v3/order", self.bob, **fields, price=price, quantity=quantity
        )
        return str(told["status"])

    def shot(self, name: str) -> None:
        """Keep a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")
