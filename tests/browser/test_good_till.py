"""Orders that are good till a date: entered, amended with the date they have, and gone when it is reached."""

import pytest
from playwright.sync_api import expect

from tests.browser.trader import Trader

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def until(trader: Trader, seconds: int) -> None:
    """Fill in a date so many seconds from now, by the browser's clock and in its zone."""
    script = """(seconds) => {
        const at = new Date(Math.ceil(Date.now() / 1000) * 1000 + seconds * 1000);
        return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    }"""
    trader.page.fill("#good-till", trader.page.evaluate(script, seconds))


def test_a_date_is_needed_and_must_lie_ahead(trader):
    trader.arrive()
    trader.say("buy", price="45000", quantity="0.1", force="GTD")
    expect(trader.page.locator("#good-till")).to_be_visible()
    assert trader.send() == "The order was not sent: see what is marked."
    expect(trader.page.locator("#good-till-fault")).to_have_text("Choose until when.")
    until(trader, -60)
    expect(trader.page.locator("#good-till-fault")).to_have_text("Must lie ahead.")
    assert trader.send() == "The order was not sent: see what is marked."
    trader.shot("24-good-till-refused")
    assert trader.count() == "0"


def test_the_order_leaves_the_book_when_its_date_is_reached(trader):
    trader.arrive()
    trader.say("buy", price="45000", quantity="0.1", force="GTD")
    until(trader, 8)
    assert "NEW" in trader.send()
    trader.sees(trader.level("bids", "45,000.00"), "0.10000")
    trader.sees(trader.count, "1")
    trader.shot("25-good-till")
    trader.sees(trader.count, "0")
    trader.sees(trader.level("bids", "45,000.00"), "")
    trader.page.click("#tab-history")
    first = trader.page.locator("#rows-history tr").first
    expect(first).to_contain_text("45,000.00")
    expect(first).to_contain_text("Expired")


def test_an_amended_order_keeps_its_date(trader):
    trader.arrive()
    trader.say("buy", price="45100", quantity="0.1", force="GTD")
    until(trader, 3_600)
    assert "NEW" in trader.send()
    trader.sees(trader.count, "1")
    keys = trader.venue.demo_keys("alice")
    (before,) = trader.client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
    page = trader.page
    page.click("#rows-open >> text=Amend")
    page.fill("#amend-price", "45200")
    page.click("#amend-form >> text=Amend")
    trader.sees(trader.level("bids", "45,200.00"), "0.10000")
    (after,) = trader.client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
    assert (after["price"], after["goodTillDate"]) == ("45200.00000000", before["goodTillDate"])
