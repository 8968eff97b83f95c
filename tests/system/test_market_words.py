"""The words that run the market, typed against a running exchange: phase, halt, resume, cancel-all, instrument."""

from pathlib import Path
from typing import Any

import pytest

from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SILVER = """
[assets]
XAG = 8
USD = 8

[instruments.XAGUSD]
base = "XAG"
quote = "USD"
price_decimals = 3
qty_decimals = 0
ladder_top = "1000.000"
tick_size = "0.005"
phase = "CONTINUOUS"
"""


def enter(venue: Exchange, name: str, **fields: Any) -> dict[str, Any]:
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"quantity": "1.0000", "price": "3000.00"} | fields
    answer: dict[str, Any] = venue.client().signed(
        "POST", "/api/v3/order", venue.demo_keys(name), **order
    )
    return answer


def open_orders(venue: Exchange, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = venue.client().signed(
        "GET", "/api/v3/openOrders", venue.demo_keys(name)
    )
    return found


def phase_of(venue: Exchange, symbol: str) -> str:
    listed = venue.asked("instrument", "list")["instruments"]
    return next(one["phase"] for one in listed if one["symbol"] == symbol)


def refusal(venue: Exchange, *words: str) -> str:
    done = venue.command(*words)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_halted_instrument_takes_no_orders_until_it_is_resumed_through_a_call(venue):
    resting = enter(venue, "alice")
    assert venue.asked("halt", "ETHUSDT")["phase"] == "HALTED"
    with pytest.raises(Rejected):
        enter(venue, "bob", side="SELL")
    assert [one["orderId"] for one in open_orders(venue, "alice")] == [resting["orderId"]]
    venue.asked("resume", "ETHUSDT", "--seconds", "1")
    venue.until(lambda: phase_of(venue, "ETHUSDT") == "CONTINUOUS", "continuous trading")
    assert enter(venue, "bob", side="SELL")["status"] == "FILLED"
    assert open_orders(venue, "alice") == []


def test_orders_of_a_call_trade_at_one_price_when_it_ends(venue):
    assert venue.asked("phase", "ETHUSDT", "opening_auction")["phase"] == "OPENING_AUCTION"
    enter(venue, "alice", price="3010.00")
    assert enter(venue, "bob", side="SELL", price="2990.00")["status"] == "NEW"
    told = venue.asked("phase", "ETHUSDT", "CONTINUOUS")
    assert (told["phase"], told["trades"]) == ("CONTINUOUS", 1)


def test_a_halt_can_cancel_the_orders_too(venue):
    enter(venue, "alice", price="2900.00")
    assert venue.asked("halt", "ETHUSDT", "--cancel-orders")["canceled"] == 1
    assert open_orders(venue, "alice") == []
    venue.asked("resume", "ETHUSDT", "--seconds", "0.1")
    venue.until(lambda: phase_of(venue, "ETHUSDT") == "CONTINUOUS", "continuous trading")


def test_cancel_all_leaves_an_account_without_open_orders(venue):
    enter(venue, "alice", price="2950.00")
    enter(venue, "alice", price="2951.00")
    enter(venue, "alice", symbol="BTCUSDT", price="49000.00", quantity="0.01000")
    assert venue.asked("cancel-all", "alice", "--symbol", "ETHUSDT")["canceled"] == 2
    assert venue.asked("cancel-all", "alice")["canceled"] == 1
    assert venue.asked("cancel-all", "alice")["canceled"] == 0
    assert open_orders(venue, "alice") == []


def test_an_instrument_added_to_the_running_exchange_can_be_traded(venue, tmp_path: Path):
    file = tmp_path / "silver.toml"
    file.write_text(SILVER)
    assert venue.asked("instrument", "add", str(file))["added"] == ["XAGUSD"]
    venue.asked("account", "deposit", "bob", "XAG", "100")
    silver = {"symbol": "XAGUSD", "quantity": "10", "price": "31.005"}
    assert enter(venue, "alice", **silver)["status"] == "NEW"
    assert enter(venue, "bob", side="SELL", **silver)["status"] == "FILLED"
    assert venue.asked("instrument", "add", str(file)) == {"added": [], "commands": 0}


def test_a_changed_term_holds_at_once(venue):
    assert venue.asked("instrument", "set", "ETHUSDT", 'tick_size="0.50"')["commands"] == 1
    with pytest.raises(Rejected, match="PRICE_FILTER"):
        enter(venue, "alice", price="2900.25")
    venue.asked("instrument", "set", "ETHUSDT", 'tick_size="0.01"')


def test_a_wrong_word_is_one_clear_line(venue, tmp_path: Path):
    assert "there is no instrument 'DOGEUSDT'; there are BTCUSDT" in refusal(
        venue, "halt", "DOGEUSDT"
    )
    assert "is not halted but in CONTINUOUS" in refusal(venue, "resume", "BTCUSDT")
    venue.asked("halt", "AAPLUSD")
    assert "rejected: invalid phase" in refusal(venue, "phase", "AAPLUSD", "CONTINUOUS")
    assert "there is no account 'mallory'" in refusal(venue, "cancel-all", "mallory")
    assert "there is no file nowhere.toml" in refusal(venue, "instrument", "add", "nowhere.toml")
    assert "base cannot change" in refusal(venue, "instrument", "set", "ETHUSDT", 'base="BTC"')
    assert "instruments.ETHUSDT.tock is unknown" in refusal(
        venue, "instrument", "set", "ETHUSDT", "tock=1"
    )
    assert "--seconds is 0" in refusal(venue, "resume", "BTCUSDT", "--seconds", "0")
