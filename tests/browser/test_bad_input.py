"""What cannot be an order is marked before it is sent; what the exchange refuses is shown in its words."""

import pytest
from playwright.sync_api import expect

from tests.browser.trader import REFUSED

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_filters_are_checked_while_typing(trader):
    trader.arrive()
    page = trader.page
    for name, text, fault in (
        ("price", "48000.005", "In steps of 0.01 (PRICE_FILTER)."),
        ("price", "2000000", "At most 1000000 (PRICE_FILTER)."),
        ("price", "abc", "Write a number, like 12.5."),
        ("price", "1e5", "Write a number, like 12.5."),
        ("price", "-5", "Write a number, like 12.5."),
        ("quantity", "0.000001", "At least 0.00001 (LOT_SIZE)."),
        ("quantity", "0", "Must be above zero."),
    ):
        trader.say("buy", price="48000", quantity="1")
        page.fill(f"#field-{name}", text)
        expect(page.locator(f"#{name}-fault")).to_have_text(fault)
        assert page.get_attribute(f"#field-{name}", "aria-invalid") == "true"
    trader.say("buy", price="100", quantity="0.00001")
    expect(page.locator("#quantity-fault")).to_have_text("Worth at least 5 USDT (NOTIONAL).")
    assert trader.send() == "The order was not sent: see what is marked."
    trader.shot("10-bad-input")
    assert trader.count() == "0"


def test_an_empty_ticket_says_what_is_missing(trader):
    trader.arrive()
    trader.say("buy")
    assert trader.send() == "The order was not sent: see what is marked."
    expect(trader.page.locator("#price-fault")).to_have_text("A price is needed.")
    expect(trader.page.locator("#quantity-fault")).to_have_text("A quantity is needed.")
    expect(trader.page.locator("#field-price")).to_be_focused()


def test_the_words_of_the_exchange_are_shown_as_they_are(trader):
    trader.arrive()
    trader.allowed = (REFUSED,)
    assert (
        trader.place("buy", price="50000", quantity="100")
        == "Account has insufficient balance for requested action. (-2010)"
    )
    trader.bob_trades("SELL", "51000.00", "0.01")
    assert (
        trader.place("buy", "LIMIT_MAKER", price="51000", quantity="0.01")
        == "Order would immediately match and take. (-2010)"
    )
    trader.shot("11-refused")


def test_a_wrong_key_is_refused_in_words(trader):
    trader.arrive(account="")
    trader.allowed = (REFUSED,)
    page = trader.page
    page.click("#keys-open")
    page.fill("#key-api", "short")
    page.fill("#key-secret", "x")
    page.click("#key-form >> text=Add")
    expect(page.locator("#key-fault")).to_contain_text("64 letters and digits")
    page.fill("#key-api", "A" * 64)
    page.fill("#key-secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    page.click("#key-form >> text=Add")
    expect(page.locator("#key-fault")).to_have_text(
        "This PEM cannot be read as an Ed25519 private key."
    )
    trader.shot("12-keys")
    page.fill("#key-secret", "not the secret")
    page.click("#key-form >> text=Add")
    expect(page.locator("#notices")).to_contain_text("(-2015)")


def test_without_a_key_an_order_says_so(trader):
    trader.arrive(account="")
    told = trader.place("buy", price="48000", quantity="0.01")
    assert told == "No API key: open “Keys” to add one. (-2014)"
