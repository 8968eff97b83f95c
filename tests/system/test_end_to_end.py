"""The whole exchange as its users see it: two accounts trade, and the trade is everywhere."""

import json
import re
import stat
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.system.exchange_fixture import ROOT, Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ORDER = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}


def trade(venue: Exchange, price: str, qty: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Alice buys, Bob sells to her; the two answers."""
    client = venue.client()
    both = []
    for name, side in (("alice", "BUY"), ("bob", "SELL")):
        keys = venue.demo_keys(name)
        fields = {**ORDER, "side": side, "price": price, "quantity": qty}
        both.append(client.signed("POST", "/api/v3/order", keys, **fields))
    return both[0], both[1]


def my_trades(venue: Exchange, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = venue.client().signed(
        "GET", "/api/v3/myTrades", venue.demo_keys(name), symbol="BTCUSDT"
    )
    return found


def balance(venue: Exchange, name: str, asset: str) -> Decimal:
    account = venue.client().signed("GET", "/api/v3/account", venue.demo_keys(name))
    entry = next(one for one in account["balances"] if one["asset"] == asset)
    return Decimal(entry["free"]) + Decimal(entry["locked"])


def test_a_trade_is_in_the_answer_the_accounts_the_database_and_the_stream(venue):
    before = balance(venue, "alice", "BTC"), balance(venue, "bob", "USDT")
    with venue.stream("/ws/btcusdt@trade") as stream:
        bought, sold = trade(venue, "50000.00", "0.01000")
        told = json.loads(stream.recv(timeout=10))

    assert bought["status"] == "NEW"
    assert sold["status"] == "FILLED"
    [fill] = sold["fills"]
    assert (Decimal(fill["price"]), Decimal(fill["qty"])) == (50000, Decimal("0.01"))
    number = fill["tradeId"]

    assert (told["e"], told["s"], told["t"]) == ("trade", "BTCUSDT", number)
    assert (Decimal(told["p"]), Decimal(told["q"]), told["m"]) == (50000, Decimal("0.01"), True)

    for name, answer, maker in (("alice", bought, True), ("bob", sold, False)):
        mine = next(one for one in my_trades(venue, name) if one["id"] == number)
        assert (mine["orderId"], mine["isMaker"]) == (answer["orderId"], maker)

    # Fees are taken from what is received: 0.1 % of it.
    assert balance(venue, "alice", "BTC") - before[0] == Decimal("0.00999")
    assert balance(venue, "bob", "USDT") - before[1] == Decimal("499.5")

    venue.until(venue.is_written, "the trade in the database")
    with venue.database() as database:
        row = database.execute(
            "select price, qty, maker_order_id, taker_order_id from trades where trade_id = %s",
            (number,),
        ).fetchone()
    assert row == (5_000_000, 1_000, bought["orderId"], sold["orderId"])


def test_the_commands_of_the_readme_cross_two_orders(venue):
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Two orders that cross")[2].partition("\n## ")[0]
    script = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[0]
    script = script.replace("http://127.0.0.1:3000", venue.status()["rest"])
    script += re.search(r"`(signed GET /api/v3/myTrades .*?)`", section)[1]  # type: ignore[index]
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=venue.data_dir.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["status"] for answer in answers[:2]] == ["NEW", "FILLED"]
    assert answers[2][-1]["orderId"] == answers[0]["orderId"]


def test_the_printed_database_client_shows_the_trades(venue):
    trade(venue, "50001.00", "0.00100")
    venue.until(venue.is_written, "the trade in the database")
    line = re.search(r"PostgreSQL +(\S.*)", venue.output.read_text())
    assert line
    done = subprocess.run(
        ["bash", "-c", f"{line[1]} -Atc 'select count(*) from trades'"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) >= 1


def test_the_readmes_stream_command_prints_trades_as_they_happen(venue, tmp_path):
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"\.venv/bin/python (-m websockets ws://\S+)", readme)
    assert command
    words = command[1].replace("ws://127.0.0.1:4000", venue.status()["ws"]).split()
    seen = tmp_path / "seen"
    with (
        seen.open("wb") as output,
        subprocess.Popen([sys.executable, *words], stdin=subprocess.PIPE, stdout=output) as child,
    ):
        venue.until(lambda: "Connected" in seen.read_text(), "connected")
        trade(venue, "50002.00", "0.00100")
        venue.until(lambda: '"e":"trade"' in seen.read_text(), "a trade")
        child.terminate()


def test_status_tells_processes_addresses_and_progress(venue):
    told = venue.asked("status")
    assert told["state"] == "running"
    names = [one["name"] for one in told["processes"]]
    assert names == [
        "office",
        "postgres",
        "matcher",
        "snapshotter",
        "writer",
        "ingress",
        "broadcaster",
    ]
    assert all(one["state"] in ("ready", "running") for one in told["processes"])
    assert told["rest"].startswith("http://127.0.0.1:")
    venue.until(lambda: venue.status()["seq"] == venue.status()["watermark"] > 0, "caught up")


def test_the_demo_keys_are_readable_by_the_owner_alone(venue):
    for name in ("demo.json", "demo.env"):
        mode = (venue.data_dir / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_an_account_made_by_the_command_line_can_trade(venue):
    keys = venue.account("carol", "USDT=5000")
    client = venue.client()
    fields = {**ORDER, "side": "BUY", "price": "20000.00", "quantity": "0.10000"}
    assert client.signed("POST", "/api/v3/order", keys, **fields)["status"] == "NEW"
    [order] = client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
    assert Decimal(order["price"]) == 20000
    client.signed("DELETE", "/api/v3/openOrders", keys, symbol="BTCUSDT")


def test_a_second_up_on_the_same_data_directory_is_refused(venue):
    done = venue.command("up", "--data-dir", str(venue.data_dir))
    assert done.returncode == 1
    assert f"pid {venue.owner()}" in done.stderr


def test_what_was_there_is_there_after_a_restart(tmp_path: Path):
    one = Exchange(tmp_path / "data")
    try:
        one.start()
        _, sold = trade(one, "50000.00", "0.01000")
        fields = {**ORDER, "side": "BUY", "price": "40000.00", "quantity": "0.01000"}
        keys = one.demo_keys("alice")
        resting = one.client().signed("POST", "/api/v3/order", keys, **fields)
        held = balance(one, "alice", "USDT"), balance(one, "bob", "USDT")
        assert one.command("down").returncode == 0
        assert one.child is not None
        assert one.child.wait(60) == 0
        assert one.status()["state"] == "down"

        begun = time.monotonic()
        one.start()
        assert time.monotonic() - begun < 60
        assert one.demo_keys("alice") == keys
        assert (balance(one, "alice", "USDT"), balance(one, "bob", "USDT")) == held
        [order] = one.client().signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
        assert order["orderId"] == resting["orderId"]
        assert [mine["orderId"] for mine in my_trades(one, "bob")] == [sold["orderId"]]
        assert one.command("journal", "verify").returncode == 0
    finally:
        one.wipe()
