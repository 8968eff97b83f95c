"""Administration of a running exchange over the admin API: done, visible, audited, and journaled."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from commands.rest_client import Keys, Rejected
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {"OPENBOURSE_MARKET_RATE": "0"}
ORDER = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


class Office:
    def __init__(self, venue: Exchange) -> None:
        self.venue = venue
        self.key = venue.asked("admin-key", "create", "erin")["key"]

    def ask(self, path: str, **body: Any) -> Any:
        """POST when there is a body to say, else GET."""
        verb, data = ("POST", json.dumps(body).encode()) if body else ("GET", None)
        request = urllib.request.Request(
            f"{self.venue.status()['office']}/admin/v1/{path}",
            data,
            {"Authorization": f"Bearer {self.key}"},
            method=verb,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return json.loads(refused.read()) | {"status": refused.code}


@pytest.fixture(scope="module")
def office(venue: Exchange) -> Office:
    return Office(venue)


def test_an_account_is_opened_funded_frozen_and_freed(venue, office):
    made = office.ask("account/create", name="carol", deposit=["USDT=1000"])
    keys = Keys(made["api_key"], made["secret"])
    assert (
        office.ask("account/deposit", name="carol", asset="USDT", amount="5")["free"]
        == "1005.00000000"
    )
    assert (
        office.ask("account/withdraw", name="carol", asset="USDT", amount="4")["free"]
        == "1001.00000000"
    )

    def place() -> Any:
        fields = {**ORDER, "quantity": "0.01", "price": "1000"}
        return venue.client().signed("POST", "/api/v3/order", keys, **fields)

    assert place()["status"] == "NEW"
    office.ask("account/freeze", name="carol")
    with pytest.raises(Rejected):
        place()
    office.ask("account/unfreeze", name="carol")
    assert place()["status"] == "NEW"
    assert office.ask("cancel-all", account="carol")["canceled"] == 2
    told = office.ask("account/withdraw", name="carol", asset="USDT", amount="5000")
    assert (told["status"], "rejected" in told["error"]) == (400, True)


def test_an_api_key_is_made_and_revoked(venue, office):
    made = office.ask("account/key/create", name="alice")
    keys = Keys(made["api_key"], made["secret"])
    venue.client().signed("GET", "/api/v3/account", keys)
    office.ask("account/key/revoke", api_key=made["api_key"])

    def refused() -> bool:
        try:
            venue.client().signed("GET", "/api/v3/account", keys)
        except Rejected:
            return True
        return False

    venue.until(refused, "the key is refused")


def test_a_fee_tier_is_what_an_account_then_pays(venue, office):
    office.ask("fee-tier", tier=1, maker=0, taker=5000)
    assert office.ask("account/fee-tier", name="bob", tier=1) == {"account": 2, "fee_tier": 1}
    told = venue.client().signed(
        "GET", "/api/v3/account/commission", venue.demo_keys("bob"), symbol="ETHUSDT"
    )
    assert float(told["standardCommission"]["maker"]) == 0
    whole = venue.client().signed(
        "GET", "/api/v3/account/commission", venue.demo_keys("alice"), symbol="ETHUSDT"
    )
    ours, full = (float(one["standardCommission"]["taker"]) for one in (told, whole))
    assert ours == pytest.approx(full / 2)


def test_the_kill_switch_halts_all_and_cancels_everything(venue, office):
    client, keys = venue.client(), venue.demo_keys("alice")
    client.signed("POST", "/api/v3/order", keys, **ORDER, quantity="0.01", price="1000")
    told = office.ask("kill-switch", keep_orders=False)
    assert {"BTCUSDT", "ETHUSDT"} <= set(told["halted"])
    assert told["canceled"] >= 1
    assert client.signed("GET", "/api/v3/openOrders", keys) == []
    with pytest.raises(Rejected):
        client.signed("POST", "/api/v3/order", keys, **ORDER, quantity="0.01", price="1000")
    phases = {one["symbol"]: one["phase"] for one in office.ask("status")["instruments"]}
    assert phases["ETHUSDT"] == phases["BTCUSDT"] == "HALTED"
    office.ask("resume", symbol="ETHUSDT", seconds=1)

    def trading() -> bool:
        found = {one["symbol"]: one["phase"] for one in office.ask("status")["instruments"]}
        return bool(found["ETHUSDT"] == "CONTINUOUS")

    venue.until(trading, "continuous trading again")


def test_the_status_has_what_an_operators_page_shows(venue, office):
    told = office.ask("status")
    assert told["state"] == "running"
    assert told["totals"]["commands"] > 0
    assert told["journal"]["files"] == 1
    assert told["drops"] == dict.fromkeys(told["drops"], 0)
    assert told["latency"]["journaled"]["count"] > 0
    assert set(told["queues"]) == {"pending_commands", "pending_events"}
    assert {one["symbol"] for one in office.ask("instruments")["instruments"]} >= {"BTCUSDT"}
    assert "carol" in {one["name"] for one in office.ask("accounts")["accounts"]}


def test_every_deed_is_in_the_audit_trail_with_its_command(venue, office):
    told = office.ask("audit")["entries"]
    whats = {one["what"]: one for one in told if one["who"] == "erin over the admin API"}
    assert {
        "deposit",
        "withdraw",
        "set account",
        "set fee tier",
        "set phase",
        "key create",
        "key revoke",
    } <= set(whats)
    rejected = [one for one in told if one["outcome"].startswith("rejected")]
    assert any(one["what"] == "withdraw" for one in rejected)
    seq = whats["set fee tier"]["seq"]
    [command] = venue.asked("journal", "dump", "--from-seq", str(seq), "--limit", "1")["records"]
    assert command["kind"] == "SET_FEE_TIER"
    trail = (venue.data_dir / "audit.jsonl").read_text()
    made = office.ask("account/key/create", name="alice")
    assert made["secret"] not in (venue.data_dir / "audit.jsonl").read_text()
    assert office.key not in trail
