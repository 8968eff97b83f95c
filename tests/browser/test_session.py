"""Sessions: an auction is told while it lasts, a halt is seen at once."""

import pytest
from playwright.sync_api import expect

from tests.browser.trader import REFUSED

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_auction_tells_its_price_and_its_imbalance_and_how_long_it_takes(trader):
    trader.arrive("AAPLUSD")
    page = trader.page
    trader.venue.asked("phase", "AAPLUSD", "OPENING_AUCTION")
    expect(page.locator("#banner-phase")).to_have_text("Opening auction")
    trader.venue.asked("halt", "AAPLUSD")
    trader.venue.asked("resume", "AAPLUSD", "--seconds", "900")
    expect(page.locator("#banner-phase")).to_have_text("Volatility auction")
    trader.place("buy", price="190.00", quantity="300")
    trader.bob_trades("SELL", "189.00", "200", "AAPLUSD")
    expect(page.locator("#paired")).to_have_text("200 AAPL")
    expect(page.locator("#imbalance")).to_have_text("100 ▲ to buy")
    expect(page.locator("#indicative")).to_have_text("190.00")
    expect(page.locator("#countdown")).to_contain_text("ends in ")
    expect(page.locator("#spread")).to_have_text("crossed (auction)")
    trader.shot("08-auction")
    trader.allowed = (REFUSED,)
    assert "This order type is not possible in this trading phase. (-2010)" in trader.place(
        "buy", price="188.00", quantity="10", force="IOC"
    )
    assert trader.venue.asked("phase", "AAPLUSD", "CONTINUOUS")["trades"] == 1
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#phase")).to_have_text("Continuous trading")
    expect(page.locator("#head-last")).to_have_text("190.00")
    trader.sees(trader.level("bids", "190.00"), "100")


def test_a_halt_is_seen_and_its_refusal_too(trader):
    trader.arrive("AMZNUSD")
    page = trader.page
    trader.venue.asked("halt", "AMZNUSD")
    expect(page.locator("#banner-phase")).to_have_text("Halted")
    trader.allowed = (REFUSED,)
    assert "Market is closed. (-2010)" in trader.place("buy", price="180", quantity="1")
    trader.shot("09-halt")
    trader.venue.asked("resume", "AMZNUSD", "--seconds", "1")
    expect(page.locator("#phase")).to_have_text("Continuous trading")
    expect(page.locator("#banner")).to_be_hidden()
