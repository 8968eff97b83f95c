"""The page itself: fast to come, fit for a phone, for the keyboard and for screen readers, in both themes."""

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.trader import Trader

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ROOT = Path(__file__).parent.parent.parent
GRAVE = ("serious", "critical")


def grave_findings(page: Page) -> list[str]:
    told = Axe().run(page).response
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in told["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def market_for(trader: Trader) -> None:
    """Let bob make a small market, and trade once."""
    for side, prices in (("BUY", (49_990, 49_980, 49_950)), ("SELL", (50_010, 50_020, 50_080))):
        for price in prices:
            trader.bob_trades(side, f"{price}.00", "0.15")
    trader.place("buy", "MARKET", quantity="0.05")
    trader.place("buy", price="49985.00", quantity="0.2")


def test_the_modules_do_what_their_tests_say(trader):
    trader.arrive(account="")

    def answer(route: Route) -> None:
        name = route.request.url.split("/terminal/check/")[1]
        folder = ROOT if name.startswith("ingress/") else ROOT / "tests" / "terminal"
        body = (folder / name).read_text()
        body = body.replace("../../ingress/terminal/", "/terminal/check/ingress/terminal/")
        route.fulfill(body=body, content_type="text/javascript")

    trader.page.route("**/terminal/check/**", answer)
    told = trader.page.evaluate("import('/terminal/check/all.js').then(({all}) => all())")
    assert told["failed"] == []
    assert told["passed"] > 25


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_stands_in_the_way_of_people_who_see_or_point_less_well(trader, theme):
    trader.page.emulate_media(color_scheme=theme)
    trader.arrive()
    market_for(trader)
    assert trader.page.evaluate("document.documentElement.dataset.theme") == theme
    assert grave_findings(trader.page) == []
    trader.shot(f"15-{theme}")
    trader.page.select_option("#kind", "OTOCO")
    trader.page.click("#show-depth")
    trader.page.click("#tab-balances")
    assert grave_findings(trader.page) == []
    trader.shot(f"16-{theme}-depth")
    for dialog in ("keys", "help"):
        trader.page.click(f"#{dialog}-open")
        assert grave_findings(trader.page) == []
        trader.page.click(f"#{dialog}-close")


def test_a_phone_shows_one_part_at_a_time_and_nothing_sideways(browser, venue):
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True,
        color_scheme="dark", reduced_motion="reduce",
    )  # fmt: skip
    try:
        trader = Trader(phone.new_page(), venue)
        trader.arrive()
        page = trader.page
        page.click("[data-view=trade]")
        market_for(trader)
        for view, part in (
            ("chart", ".chart"),
            ("book", ".book"),
            ("trade", ".ticket"),
            ("orders", ".orders"),
        ):
            page.click(f"[data-view={view}]")
            expect(page.locator(part)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            assert page.evaluate("document.documentElement.scrollHeight") == 844
            assert grave_findings(page) == []
            trader.shot(f"17-phone-{view}")
        expect(page.locator("#rows-open tr")).to_have_count(1)
        page.click("#rows-open >> text=Cancel")
        trader.sees(trader.count, "0")
        trader.judge()
        trader.client.signed("DELETE", "/api/v3/openOrders", trader.bob, symbol="BTCUSDT")
    finally:
        phone.close()


def test_the_layout_does_not_move_while_the_market_does(trader):
    trader.arrive()
    page = trader.page
    page.evaluate(
        """() => {
            globalThis.moved = 0;
            new PerformanceObserver((list) => {
                for (const one of list.getEntries()) if (!one.hadRecentInput) globalThis.moved += one.value;
            }).observe({ type: "layout-shift" });
        }"""
    )
    market_for(trader)
    for price in range(50_039, 50_029, -1):
        trader.bob_trades("SELL", f"{price}.00", "0.01")
    # In a window of this size nine levels of a side fit: each of the ten pushes another out of sight.
    best = [50_010, 50_020, *range(50_030, 50_037)]
    trader.sees(trader.prices("asks"), [f"{price:,}.00" for price in best])
    assert page.evaluate("moved") < 0.01


def test_the_first_paint_comes_soon(context: BrowserContext, venue):
    page = context.new_page()
    page.goto(venue.status()["rest"] + "/")
    page.wait_for_selector("html[data-ready=yes]")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    (Path(venue.data_dir).parent / "paint.json").write_text(json.dumps(paint))
    # A second on an idle machine; tests share theirs.
    assert paint < 5_000
