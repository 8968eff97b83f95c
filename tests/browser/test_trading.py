"""Trading by hand: what a person enters is seen in the book, in the account and by others."""

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_order_rests_in_the_ladder_and_is_marked_as_ones_own(trader):
    trader.arrive()
    assert "NEW" in trader.place("buy", price="48000.00", quantity="0.25000")
    trader.sees(trader.level("bids", "48,000.00"), "0.25000")
    expect(trader.page.locator("#bids .level.mine .price")).to_have_text("48,000.00")
    trader.sees(trader.count, "1")
    (row,) = trader.open_orders()
    assert "BTCUSDT | ▲ Buy | Limit | 48,000.00 | – | 0.25000 | 0.00000 | New" in row
    trader.sees(lambda: trader.balance("USDT")[1], "12000.00000000")
    trader.shot("01-order-rests")


def test_an_order_is_amended_and_keeps_or_loses_its_place(trader):
    trader.arrive()
    trader.place("buy", price="47000.00", quantity="0.5")
    page = trader.page
    page.click("text=Amend >> visible=true")
    page.fill("#amend-quantity", "0.2")
    expect(page.locator("#amend-note")).to_have_text("Keeps its place in the queue.")
    trader.shot("02-amend")
    page.click("#amend-form >> text=Amend")
    trader.sees(trader.level("bids", "47,000.00"), "0.20000")
    page.click("#rows-open >> text=Amend")
    page.fill("#amend-price", "47100")
    expect(page.locator("#amend-note")).to_contain_text("end of the queue")
    page.click("#amend-form >> text=Amend")
    trader.sees(trader.level("bids", "47,100.00"), "0.20000")
    assert trader.level("bids", "47,000.00")() == ""
    trader.sees(trader.count, "1")


def test_a_second_account_fills_the_order_and_balances_change(trader):
    trader.arrive()
    before = trader.balance("BTC")[0], trader.balance("USDT")[0]
    trader.place("buy", price="49000.00", quantity="0.1")
    trader.sees(trader.count, "1")
    assert trader.bob_trades("SELL", "49000.00", "0.1") == "FILLED"
    trader.sees(trader.count, "0")
    # The maker pays its fee of 0.1 % in what it receives.
    trader.sees(lambda: round(float(trader.balance("BTC")[0]) - float(before[0]), 8), 0.0999)
    trader.sees(lambda: round(float(trader.balance("USDT")[0]) - float(before[1]), 8), -4900.0)
    expect(trader.page.locator("#tape-rows tr").first).to_contain_text("▼ 49,000.00")
    expect(trader.page.locator("#head-last")).to_have_text("49,000.00")
    expect(trader.page.locator("#head-low")).to_have_text("49,000.00")
    trader.page.click("#tab-fills")
    expect(trader.page.locator("#rows-fills tr").first).to_contain_text("49,000.00")
    expect(trader.page.locator("#rows-fills tr").first).to_contain_text("maker")
    trader.shot("03-filled")
    trader.page.click("#tab-balances")
    expect(trader.page.locator("#equity")).to_contain_text("USDT")
    trader.shot("04-balances")
    trader.page.click("#tab-history")
    expect(trader.page.locator("#rows-history tr").first).to_contain_text("Filled")


def test_a_market_order_by_amount_takes_what_is_offered(trader):
    trader.arrive("ETHUSDT")
    trader.bob_trades("SELL", "3000.00", "2", "ETHUSDT")
    trader.sees(trader.level("asks", "3,000.00"), "2.0000")
    told = trader.place("buy", "MARKET", quoteOrderQty="1500")
    assert "FILLED: 0.5 ETH at 3,000.00" in told
    trader.sees(trader.level("asks", "3,000.00"), "1.5000")


def test_a_click_in_the_ladder_takes_the_price(trader):
    trader.arrive()
    trader.bob_trades("SELL", "52345.67", "0.01")
    trader.sees(trader.level("asks", "52,345.67"), "0.01000")
    trader.page.click("#asks .level:not([hidden]) >> nth=0")
    expect(trader.page.locator("#field-price")).to_have_value("52345.67")
    expect(trader.page.locator("#worth")).to_have_text("–")


def test_cancel_all_by_the_keyboard(trader):
    trader.arrive()
    page = trader.page
    page.keyboard.press("b")
    page.keyboard.type("45000")
    page.keyboard.press("Tab")
    page.keyboard.type("0.1")
    page.keyboard.press("Enter")
    trader.sees(trader.count, "1")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.fill("#field-price", "55000")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#field-price")).to_have_value("55000.01")
    page.keyboard.press("Enter")
    trader.sees(trader.count, "2")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+X")
    trader.sees(trader.count, "0")
    expect(page.locator("#notices")).to_contain_text("2 cancelled on BTCUSDT.")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    trader.shot("05-keyboard-help")


def test_an_oco_is_two_orders_and_one_ends_the_other(trader):
    trader.arrive("ETHUSDT")
    trader.bob_trades("BUY", "3000.00", "1", "ETHUSDT")
    trader.place("sell", price="3000.00", quantity="1")
    told = trader.place(
        "sell", "OCO", price="3300", stopPrice="2800", stopLimitPrice="2790", quantity="1"
    )
    assert "OCO list" in told
    trader.sees(trader.count, "2")
    rows = trader.open_orders()
    assert any("Limit maker | 3,300.00" in row for row in rows)
    assert any("Stop loss limit | 2,790.00 | 2,800.00" in row and "Waiting" in row for row in rows)
    trader.shot("06-oco")
    assert trader.bob_trades("BUY", "3300.00", "1", "ETHUSDT") == "FILLED"
    trader.sees(trader.count, "0")


def test_every_kind_of_order_is_taken_by_the_exchange(trader):
    trader.arrive("ETHUSDT")
    trader.bob_trades("BUY", "3000.00", "1", "ETHUSDT")
    assert "FILLED" in trader.place("sell", "MARKET", quantity="1")
    for kind, fields in {
        "LIMIT": {"price": "2500", "quantity": "1", "icebergQty": "0.1", "force": "GTC"},
        "LIMIT_MAKER": {"price": "2510", "quantity": "1"},
        "STOP_LOSS": {"stopPrice": "3500", "quantity": "1"},
        "STOP_LOSS_LIMIT": {"stopPrice": "3500", "price": "3510", "quantity": "1", "force": "DAY"},
        "TAKE_PROFIT": {"stopPrice": "2500", "quantity": "1"},
        "TAKE_PROFIT_LIMIT": {"stopPrice": "2500", "price": "2510", "quantity": "1"},
        # The ticket keeps what was written in it: the stop price of the kind before.
        "TRAILING": {"stopPrice": "", "trailingDelta": "500", "quantity": "1"},
    }.items():
        told = trader.place("buy", kind, **fields)
        assert "NEW" in told, (kind, told)
    told = trader.place("buy", "OTO", price="2400", quantity="1", pendingSide="SELL",
                        pendingType="LIMIT", pendingPrice="3300")  # fmt: skip
    assert "OTO list" in told, told
    told = trader.place("buy", "OTOCO", price="2400", quantity="1", profitPrice="3300",
                        stopPrice="2300", stopLimitPrice="2290")  # fmt: skip
    assert "OTO list" in told, told
    trader.sees(trader.count, "12")
    trader.shot("07-every-kind")


def without_candles(page: Page) -> None:
    """Let no candle come: neither of the database, nor of the stream, which tells one within two seconds."""

    def pass_on(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        server.on_message(lambda told: None if "@kline_" in str(told) else route.send(told))

    page.route("**/api/v3/klines*", lambda route: route.fulfill(json=[]))
    page.route_web_socket("**/stream", pass_on)


def test_the_first_trade_of_all_begins_a_candle_before_any_candle_is_told(trader):
    page = trader.page
    without_candles(page)
    trader.arrive()
    # The candle of a minute could end between the two trades.
    page.click("#intervals >> text=1d")
    expect(page.locator("#chart-empty")).to_have_text("No trades yet.")
    expect(page.locator("#chart-empty")).to_be_visible()
    trader.bob_trades("SELL", "50000.00", "0.2")
    trader.place("buy", "MARKET", quantity="0.1")
    expect(page.locator("#chart-empty")).to_be_hidden()
    now = page.locator("#chart-now")
    expect(now).to_have_text("O 50000.00  H 50000.00  L 50000.00  C 50000.00")
    trader.bob_trades("BUY", "49000.00", "0.1")
    trader.place("sell", "MARKET", quantity="0.1")
    expect(now).to_have_text("O 50000.00  H 50000.00  L 49000.00  C 49000.00")
    page.click("#intervals >> text=4h")
    expect(now).to_have_text("O 49000.00  H 49000.00  L 49000.00  C 49000.00")
    expect(page.locator("#chart-empty")).to_be_hidden()
