"""The page outlives the exchange: it comes back by itself and shows what is true then."""

import os
import signal

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
AWAY = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection",
        "the server responded with a status of 5")  # fmt: skip
"""What the browser itself writes while nobody listens."""


def test_the_page_begins_anew_when_the_streams_come_back(trader):
    trader.arrive()
    trader.allowed = AWAY
    trader.place("buy", price="46000.00", quantity="0.1")
    trader.sees(trader.level("bids", "46,000.00"), "0.10000")
    os.kill(trader.venue.process("broadcaster")["pid"], signal.SIGKILL)
    expect(trader.page.locator("#connection-text")).not_to_have_text("Live")
    # What happens while the page hears nothing must be there afterwards.
    trader.bob_trades("BUY", "46100.00", "0.2")
    expect(trader.page.locator("#connection-text")).to_have_text("Live")
    trader.sees(trader.level("bids", "46,100.00"), "0.20000")
    trader.sees(trader.level("bids", "46,000.00"), "0.10000")
    trader.place("buy", price="46050.00", quantity="0.3")
    trader.sees(trader.level("bids", "46,050.00"), "0.30000")
    trader.sees(trader.count, "2")


def test_the_page_survives_a_restart_of_the_exchange(trader):
    trader.arrive("ETHUSDT")
    trader.allowed = AWAY
    trader.place("buy", price="2000.00", quantity="1")
    trader.sees(trader.count, "1")
    assert trader.venue.stop() == 0
    expect(trader.page.locator("#connection-text")).not_to_have_text("Live")
    trader.shot("13-disconnected")
    told = trader.place("buy", price="2001.00", quantity="1")
    assert told in (
        "The order did not reach the exchange.",
        "Status unknown: look at your open orders.",
    )
    trader.venue.start()
    expect(trader.page.locator("#connection-text")).to_have_text("Live", timeout=60_000)
    trader.sees(trader.level("bids", "2,000.00"), "1.0000")
    assert "NEW" in trader.place("buy", price="2002.00", quantity="1")
    trader.sees(trader.level("bids", "2,002.00"), "1.0000")
    trader.sees(trader.count, "2")
    trader.shot("14-reconnected")


def test_the_key_of_the_last_time_is_used_again_and_cannot_be_read_out(trader):
    trader.arrive()
    trader.page.reload()
    trader.page.wait_for_selector("html[data-ready=yes][data-key=yes]")
    expect(trader.page.locator("#key-name")).to_have_text("alice")
    expect(trader.page.locator("#available")).to_contain_text("USDT")
    script = (
        "crypto.subtle.exportKey('raw', terminal.rest.signer.key).then(() => 'read', (e) => e.name)"
    )
    assert trader.page.evaluate(script) == "InvalidAccessError"


def test_orders_go_over_the_websocket_api_and_by_rest_where_that_is_not_to_be_had(trader):
    page = trader.page
    posted: list[str] = []
    page.on("request", lambda one: posted.append(one.url) if one.method == "POST" else None)
    trader.arrive()
    page.wait_for_selector("html[data-orders=ws-api]")
    assert "NEW" in trader.place("buy", price="45000.00", quantity="0.1")
    trader.sees(trader.count, "1")
    assert not any("/api/v3/order" in url for url in posted)
    trader.allowed = AWAY
    page.route_web_socket("**/ws-api/**", lambda one: one.close())
    page.reload()
    page.wait_for_selector("html[data-ready=yes][data-key=yes]")
    assert page.evaluate("document.documentElement.dataset.orders") != "ws-api"
    assert "NEW" in trader.place("buy", price="45100.00", quantity="0.1")
    trader.sees(trader.count, "2")
    assert any("/api/v3/order" in url for url in posted)


def test_orders_go_on_after_the_process_that_took_them_was_killed(trader):
    trader.arrive()
    page = trader.page
    page.wait_for_selector("html[data-orders=ws-api]")
    trader.allowed = (*AWAY, "net::ERR_")
    for pid in trader.venue.process("ingress")["workers"]:
        os.kill(pid, signal.SIGKILL)
    page.wait_for_selector("html[data-orders=rest]")
    page.wait_for_selector("html[data-orders=ws-api]")
    assert "NEW" in trader.place("buy", price="45200.00", quantity="0.1")
    trader.sees(trader.level("bids", "45,200.00"), "0.10000")
