"""Worst days of a whole exchange: a full disk, lost answers, books that are held against the journal."""

import json
import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from commands.rest_client import Keys, RestClient, Unknown
from commands.venue import Rejected
from matcher.recovery import snapshot_folder
from protocol.board_reads import Board
from runtime.segments import segments_in
from runtime.shared import Reader
from runtime.snapshot import snapshots_in
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {
    "OPENBOURSE_REST_ANSWER_TIMEOUT_S": "1",
    "OPENBOURSE_DEMO": "false",
    "OPENBOURSE_JOURNAL_SNAPSHOT_EVERY_S": "2",
}
LIMIT = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": "BUY"}


def place(client: RestClient, keys: Keys, text: str) -> str:
    """Enter an order; return "" or what was said instead."""
    fields = {**LIMIT, "price": "1000.00", "quantity": "0.01", "newClientOrderId": text}
    try:
        client.signed("POST", "/api/v3/order", keys, **fields)
    except Rejected as refusal:
        return str(refusal)
    return ""


def status_of(client: RestClient, keys: Keys, text: str) -> str:
    """Ask what became of an order: its status, or the code of the refusal."""
    about = {"symbol": "BTCUSDT", "origClientOrderId": text}
    try:
        return str(client.signed("GET", "/api/v3/order", keys, **about)["status"])
    except Rejected as refusal:
        return str(refusal).partition(" ")[0]


def open_orders(client: RestClient, keys: Keys) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
    return found


def impatient(client: RestClient) -> RestClient:
    """A client at the same door that waits a fifth of a second for an answer, and hangs up."""
    return RestClient(client.connection.host, client.connection.port, timeout_s=0.2)


@contextmanager
def silent_matcher(venue: Exchange) -> Iterator[None]:
    """Let the matcher stand still meanwhile; it may be killed meanwhile, too."""
    pid = int(venue.process("matcher")["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def kill_matcher(venue: Exchange) -> None:
    """Kill the matcher and wait until there is another."""
    pid = int(venue.process("matcher")["pid"])
    os.kill(pid, signal.SIGKILL)
    venue.until(
        lambda: venue.process("matcher")["pid"] not in (0, pid) and venue.is_whole(),
        "a new matcher",
    )


def test_with_a_full_disk_orders_are_refused_at_once_until_there_is_room(venue: Exchange) -> None:
    keys, client = venue.account("anna", "USDT=10000000"), venue.client()
    pid = int(venue.process("matcher")["pid"])
    (path,) = segments_in(venue.data_dir / "journal")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    taken, said = [], ""
    try:
        while not said.startswith("-1008"):
            assert len(taken) < 3000, "the journal has never been full"
            text = f"a{len(taken)}"
            said = place(client, keys, text)
            # Whoever is on his way when it happens cannot know; everyone later is told at once.
            assert said == "" or said.startswith(("-1007", "-1008")), said
            if not said:
                taken.append(text)
        assert len(taken) > 100
        begun = time.monotonic()
        for number in range(20):
            assert place(client, keys, f"b{number}").startswith("-1008")
        assert time.monotonic() - begun < 5
        # Reads go on meanwhile.
        assert client.signed("GET", "/api/v3/account", keys)["balances"]
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    venue.until(lambda: place(client, keys, "after") == "", "orders are taken again")
    assert place(client, keys, "after").startswith("-2010 Duplicate order sent.")
    found = client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
    assert {one["clientOrderId"] for one in found} == {*taken, "after"}
    assert venue.process("matcher")["restarts"] == 0


def test_a_resend_after_a_kill_is_a_duplicate_or_finds_no_order(venue: Exchange) -> None:
    keys, client = venue.account("berta", "USDT=10000000"), venue.client()
    assert place(client, keys, "once") == ""
    kill_matcher(venue)

    def asked_again() -> str:
        return place(client, keys, "once")

    venue.until(
        lambda: asked_again().startswith("-2010 Duplicate order sent."), "the order is known"
    )
    assert status_of(client, keys, "once") == "NEW"


def test_an_order_whose_answer_was_lost_is_found_and_refused_as_a_duplicate(
    venue: Exchange,
) -> None:
    keys, client = venue.account("doris", "USDT=10000000"), venue.client()
    with silent_matcher(venue):
        # This client gives up and hangs up; the order waits on the wire.
        assert place(impatient(client), keys, "lost").startswith("no answer")
    venue.until(lambda: status_of(client, keys, "lost") == "NEW", "the order is carried out")
    kill_matcher(venue)
    venue.until(lambda: status_of(client, keys, "lost") == "NEW", "the order is there again")
    assert place(client, keys, "lost").startswith("-2010 Duplicate order sent.")
    assert [one["clientOrderId"] for one in open_orders(client, keys)] == ["lost"]


def test_an_order_that_died_with_the_matcher_can_be_asked_for_and_sent_again(
    venue: Exchange,
) -> None:
    keys, client = venue.account("emma", "USDT=10000000"), venue.client()
    texts = [f"e{number}" for number in range(3)]
    for text in texts:
        with silent_matcher(venue):
            assert place(client, keys, text).startswith("-1007")
            kill_matcher(venue)
        venue.until(
            lambda text=text: status_of(client, keys, text) in ("NEW", "-2013"), "an answer"
        )
        # Whatever was the case: after this it is there, once.
        said = place(client, keys, text)
        assert said == "" or said.startswith("-2010 Duplicate order sent."), said
        assert status_of(client, keys, text) == "NEW"
    assert [one["clientOrderId"] for one in open_orders(client, keys)] == texts


def test_a_cancel_whose_answer_was_lost_is_known_to_have_happened(venue: Exchange) -> None:
    keys, client = venue.account("frida", "USDT=10000000"), venue.client()
    assert place(client, keys, "ended") == ""
    about = {"symbol": "BTCUSDT", "origClientOrderId": "ended"}
    with silent_matcher(venue), pytest.raises(Unknown):
        impatient(client).signed("DELETE", "/api/v3/order", keys, **about)
    venue.until(lambda: not open_orders(client, keys), "the cancel is carried out")
    kill_matcher(venue)
    venue.until(lambda: status_of(client, keys, "ended") == "CANCELED", "the order's last state")
    with pytest.raises(Rejected, match="-2011"):
        client.signed("DELETE", "/api/v3/order", keys, **about)


def test_the_database_is_held_against_the_journal_while_the_exchange_runs(venue: Exchange) -> None:
    venue.until(venue.is_written, "the writer to be done")
    found = venue.asked("journal", "verify", "--deep", "--against-db")
    assert found["faults"] == []
    assert found["snapshots"] >= 1
    assert found["database"]["different"] == {}
    assert found["database"]["checked"]["orders"] > 100
    with venue.database() as database:
        database.execute("update orders set cum_qty = cum_qty + 1 where order_id = 7")
        done = venue.command("journal", "verify", "--against-db", "--json")
        database.execute("update orders set cum_qty = cum_qty - 1 where order_id = 7")
    assert done.returncode == 1
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["database"]["different"] == {"orders": 1}
    assert "orders (7,)" in told["faults"][0]
    assert "cum_qty" in told["faults"][0]
    assert venue.asked("journal", "verify", "--against-db")["faults"] == []


def test_a_killed_matcher_starts_from_a_snapshot_of_the_running_exchange(venue: Exchange) -> None:
    seq = int(Board(Reader(venue.run).current).status()["seq"])

    def newest() -> int:
        return max(int(path.stem) for path in snapshots_in(snapshot_folder(venue.data_dir)))

    venue.until(lambda: newest() >= seq, "a snapshot")
    lives = len(recoveries(venue))
    os.kill(int(venue.process("matcher")["pid"]), signal.SIGKILL)
    venue.until(lambda: len(recoveries(venue)) > lives, "a recovery")
    assert recoveries(venue)[-1] >= seq
    venue.until(venue.is_whole, "all processes")


def recoveries(venue: Exchange) -> list[int]:
    """The seq of the snapshot from which each life of the matcher began."""
    return [int(seq) for seq in re.findall(r"recovered .*snapshot=(\d+)", venue.log.read_text())]


def test_an_unanswered_request_says_that_its_outcome_is_unknown(venue: Exchange) -> None:
    keys, client = venue.account("carla", "USDT=10000000"), venue.client()
    pid = int(venue.process("matcher")["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unknown, match="-1007"):
            fields = {**LIMIT, "price": "1000.00", "quantity": "0.01", "newClientOrderId": "late"}
            client.signed("POST", "/api/v3/order", keys, **fields)
    finally:
        os.kill(pid, signal.SIGCONT)
    about = {"symbol": "BTCUSDT", "origClientOrderId": "late"}

    def is_there() -> bool:
        try:
            return bool(client.signed("GET", "/api/v3/order", keys, **about)["status"] == "NEW")
        except Rejected:
            return False

    venue.until(is_there, "the order, which was only late")
