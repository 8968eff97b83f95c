"""A real Chromium before a real exchange; skipped, with the reason, where there is no browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from commands.rest_client import Rejected
from runtime.ports import free_port
from tests.browser import chromium
from tests.browser.trader import PATIENCE_MS, Trader
from tests.programs import CHROMIUM
from tests.system.exchange_fixture import Exchange

DESK = {"width": 1280, "height": 800}
expect.set_options(timeout=PATIENCE_MS)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "AAPLUSD", "AMZNUSD")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.found():
        pytest.skip(CHROMIUM.why_missing())
    with sync_playwright() as playwright:
        one = chromium.launched(playwright)
        yield one
        one.close()


@pytest.fixture(scope="session")
def venue(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests, on ports that stay the same when it is started again."""
    ports = ("--rest-port", str(free_port()), "--ws-port", str(free_port()))
    one = Exchange(tmp_path_factory.mktemp("venue") / "data", *ports)
    try:
        one.start()
        yield one
    finally:
        one.wipe()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here."""
    one = browser.new_context(viewport=DESK, color_scheme="dark", reduced_motion="reduce")
    yield one
    one.close()


@pytest.fixture
def trader(context: BrowserContext, venue: Exchange) -> Iterator[Trader]:
    """A person at an empty market; afterwards nothing is left of their orders."""
    one = Trader(context.new_page(), venue)
    yield one
    for name in ("alice", "bob"):
        for symbol in SYMBOLS:
            try:
                one.client.signed(
                    "DELETE", "/api/v3/openOrders", venue.demo_keys(name), symbol=symbol
                )
            except Rejected:
                continue
    one.judge()
