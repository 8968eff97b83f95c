"""The operator's page: who has an admin key sees how the exchange stands and runs its market."""

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SYMBOLS
from tests.browser.test_connection import AWAY
from tests.browser.test_page import grave_findings
from tests.browser.trader import REFUSED, Trader

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def key(venue):
    """The admin key of erin, an operator."""
    return venue.asked("admin-key", "create", "erin")["key"]


def come_in(trader: Trader, key: str) -> None:
    trader.page.goto(trader.venue.status()["rest"] + "/ops")
    trader.page.wait_for_selector("html[data-ready=yes]")
    trader.page.fill("#admin-key", key)
    trader.page.click("#enter >> text=Enter")
    expect(trader.page.locator("#processes")).to_contain_text("matcher")


def phase_of(trader: Trader, symbol: str) -> str:
    told = trader.client.public("/api/v3/session", symbol=symbol)
    return str(told["phase"])


def test_a_key_that_is_none_is_refused_in_words(trader):
    page = trader.page
    trader.allowed = (REFUSED,)
    page.goto(trader.venue.status()["rest"] + "/ops")
    page.wait_for_selector("html[data-ready=yes]")
    page.fill("#admin-key", "not a key")
    page.click("#enter >> text=Enter")
    expect(page.locator("#enter-fault")).to_contain_text("openbourse admin-key create NAME")
    expect(page.locator("#board")).to_be_hidden()
    trader.shot("18-operation-refused")


def test_the_page_tells_how_the_exchange_stands(trader, key):
    page = trader.page
    come_in(trader, key)
    expect(page.locator("#state")).to_have_text("running")
    for process in ("matcher", "ingress", "writer", "broadcaster", "snapshotter", "office"):
        row = page.locator("#processes tr").filter(has_text=re.compile(f"^{process}"))
        expect(row).to_contain_text("running")
    pid = str(trader.venue.process("matcher")["pid"])
    expect(page.locator("#processes")).to_contain_text(pid)
    expect(page.locator("#stores")).to_contain_text("Journal segments")
    trader.bob_trades("BUY", "2000.00", "1", "ETHUSDT")
    stages = page.locator("#stages tr")
    for stage in ("received", "queued", "journaled", "matched", "told", "answered"):
        expect(stages.filter(has_text=stage)).to_contain_text("s")
    lag = page.locator("#figures div").filter(has_text="Database behind").locator("dd")
    expect(lag).to_have_text("0 events")
    assert grave_findings(page) == []
    trader.shot("19-operation")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert grave_findings(page) == []
    trader.shot("20-operation-phone")


def test_an_operator_halts_resumes_and_leads_through_phases(trader, key):
    page = trader.page
    come_in(trader, key)
    row = page.locator("#market tr", has_text="ETHUSDT")
    page.click("[aria-label='Halt ETHUSDT']")
    expect(page.locator("#notices")).to_contain_text("halt ETHUSDT: done.")
    expect(row).to_contain_text("halted")
    assert phase_of(trader, "ETHUSDT") == "HALTED"
    expect(page.locator("#audit tr").first).to_contain_text("erin over the admin API")
    expect(page.locator("#audit tr").first).to_contain_text("set phase ETHUSDT, term HALTED")
    page.click("[aria-label='Resume ETHUSDT']")
    expect(row).to_contain_text("volatility auction")
    expect(row).to_contain_text("continuous")
    page.select_option("[aria-label='Next phase of ETHUSDT']", "CLOSING_AUCTION")
    page.click("[aria-label='Take ETHUSDT to the phase chosen']")
    expect(row.locator("td").nth(1)).to_have_text("closing auction")
    # The phase that is there already is refused in the words of the exchange.
    page.click("[aria-label='Take ETHUSDT to the phase chosen']")
    expect(page.locator("#notices .bad")).to_contain_text("rejected: invalid phase")
    page.select_option("[aria-label='Next phase of ETHUSDT']", "CONTINUOUS")
    page.click("[aria-label='Take ETHUSDT to the phase chosen']")
    expect(row.locator("td").nth(1)).to_have_text("continuous")
    trader.allowed = (REFUSED,)


def test_the_kill_switch_asks_first_and_then_stops_everything(trader, key):
    page = trader.page
    trader.bob_trades("BUY", "2000.00", "1", "ETHUSDT")
    come_in(trader, key)
    page.click("#kill")
    expect(page.locator("#sure")).to_be_visible()
    expect(page.locator("#sure-no")).to_be_focused()
    assert grave_findings(page) == []
    trader.shot("21-kill-switch")
    page.click("#sure-no")
    expect(page.locator("#sure")).to_be_hidden()
    assert phase_of(trader, "ETHUSDT") == "CONTINUOUS"
    page.click("#kill")
    page.click("#sure-yes")
    expect(page.locator("#notices")).to_contain_text("kill-switch: done.")
    for symbol in SYMBOLS:
        expect(page.locator("#market tr", has_text=symbol).locator("td").nth(1)).to_have_text(
            "halted"
        )
    assert trader.client.signed("GET", "/api/v3/openOrders", trader.bob) == []
    trader.shot("22-killed")
    for symbol in SYMBOLS:
        page.click(f"[aria-label='Resume {symbol}']")
        row = page.locator("#market tr", has_text=symbol)
        expect(row.locator("td").nth(1)).to_have_text("continuous")


def test_the_key_holds_in_this_tab_until_it_is_revoked(trader):
    page = trader.page
    come_in(trader, trader.venue.asked("admin-key", "create", "frank")["key"])
    page.reload()
    expect(page.locator("#board")).to_be_visible()
    page.click("#leave")
    expect(page.locator("#enter")).to_be_visible()
    page.reload()
    expect(page.locator("#enter")).to_be_visible()
    trader.venue.asked("admin-key", "revoke", "frank")
    come_in(trader, trader.venue.asked("admin-key", "create", "frank")["key"])
    trader.allowed = (REFUSED,)
    trader.venue.asked("admin-key", "revoke", "frank")
    expect(page.locator("#enter-fault")).to_contain_text("openbourse admin-key create NAME")
    expect(page.locator("#board")).to_be_hidden()


def test_the_page_says_when_the_door_is_away_and_goes_on_when_it_is_back(trader, key):
    page = trader.page
    come_in(trader, key)
    expect(page.locator("#state")).to_have_text("running")
    # However a connection to a process that is killed may break, and a preflight with it.
    trader.allowed = (*AWAY, "net::ERR_", "blocked by CORS policy")
    before = trader.venue.process("office")["pid"]
    # One that hangs is replaced, but not before the page has noticed.
    os.kill(before, signal.SIGSTOP)
    expect(page.locator("#state")).to_have_text("no answer")
    expect(page.locator("#state")).to_have_text("running")
    row = page.locator("#processes tr").filter(has_text=re.compile("^office"))
    expect(row).not_to_contain_text(str(before))
    expect(row).to_contain_text("signal 9")
