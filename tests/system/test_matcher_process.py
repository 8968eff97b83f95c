"""A real matcher process: real wires, a real journal, real kills."""

import json
import random
import resource
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from protocol.board_reads import DeepRequests
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.stream import EventStream
from protocol.terms import CommandKind, EventKind, InstrumentTerm, SessionPhase, Side
from runtime import endpoints, shared
from runtime.journal import JournalLock
from runtime.segments import segments_in
from runtime.service import BAD_CONFIGURATION
from runtime.sockets import Pull, Subscribe
from tests.matcher_house import Client, House, cancel, house, limit, opening, rows_of_pipe, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
KILLS = 5
BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def home() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture
def client(home: House) -> Iterator[Client]:
    found = home.client()
    yield found
    found.close()


def kinds(events: Rows) -> list[EventKind]:
    return [EventKind(int(kind)) for kind in events["kind"]]


def test_commands_are_answered_and_answers_can_be_read(home: House, client: Client) -> None:
    home.start()
    assert home.board.symbols() == ["BTCUSD", "ETHUSD"]
    assert home.board.instrument(0)["phase"] == SessionPhase.CONTINUOUS
    assert home.board.instrument(1)["phase"] == SessionPhase.PRE_OPEN
    assert set(kinds(client.ask(*opening(2)))) == {EventKind.ACCOUNT_ADDED, EventKind.DEPOSITED}
    assert kinds(client.ask(limit(1, SELL, 10_000, 30, "s1"))) == [EventKind.ACCEPTED]
    events = client.ask(limit(2, BUY, 10_000, 10, "b1"))
    assert kinds(events) == [EventKind.ACCEPTED, EventKind.TRADE, EventKind.TRADE]
    assert home.board.status()["seq"] >= events["seq"][-1]
    assert home.board.account(1).orders["leaves_qty"].tolist() == [20]
    depth = home.board.depth(0)
    assert (depth.asks["price"].tolist(), depth.asks["qty"].tolist()) == ([10_000], [20])
    assert home.stop() == 0


def test_no_read_lags_an_answer(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(1))
    for number in range(1, 200):
        client.ask(limit(1, SELL, 10_000 + number, 5, f"s{number}"))
        assert len(home.board.account(1).orders) == number
        depth = home.board.depth(0)
        assert len(depth.asks) == min(number, 100)
        assert depth.asks["qty"].sum() == 5 * min(number, 100)


def test_a_deep_snapshot_comes_soon_and_lags_no_answer(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(1))
    deep = DeepRequests(home.board, shared.deep_requests(home.run, 8))
    for number in range(1, 200):
        client.ask(limit(1, SELL, 10_000 + number, 5, f"s{number}"))
        if number % 40 == 0:
            seq = deep.ask(0)
            until(lambda seq=seq: deep.answer(0, seq), "a deep snapshot", 5)  # type: ignore[misc]
            view = deep.answer(0, seq)
            assert view is not None
            assert len(view.asks) == number
            assert view.complete


def test_writer_and_broadcasters_hear_every_event_in_order(home: House, client: Client) -> None:
    events, market = Pull(10_000), Subscribe(10_000)
    events.bind(endpoints.address(endpoints.EVENTS, home.run))
    market.connect(endpoints.address(endpoints.MARKET, home.run))
    home.start()
    client.ask(*opening(1))
    until(lambda: (client.ask(cancel(1, "none")) is not None) and market.wait(20), "the market")
    for number in range(300):
        client.send(limit(1, SELL, 10_000 + number, 5, f"s{number}"))
    client.ask(cancel(1, "s0"))
    stream = EventStream(1)
    heard = [stream.take(endpoints.rows_in(Event, frame)).copy() for frame in take_all(events)]
    total = int(home.board.status()["event_seq"])
    assert stream.next_event_seq == total + 1
    frames = [endpoints.rows_in(Event, frame) for frame in market.drain(10_000)]
    known = np.concatenate(heard)
    for rows in frames:
        assert (known[rows["event_seq"][0] - 1 :][: len(rows)] == rows).all()
    assert frames[-1]["event_seq"][-1] == total
    events.close()
    market.close()


def take_all(wire: Pull) -> list[bytes]:
    found: list[bytes] = []
    while wire.wait(200):
        found += wire.drain(10_000)
    return found


@pytest.mark.slow
def test_whatever_was_answered_survives_kills_at_any_moment(home: House, client: Client) -> None:
    chance = random.Random(time.time_ns())
    home.start()
    client.ask(*opening())
    for _ in range(KILLS):
        end = time.monotonic() + chance.uniform(0.1, 1.0)
        before = len(client.answered)
        while time.monotonic() < end or len(client.answered) == before:
            load(client, chance)
        home.kill()
        home.start()
    client.ask(limit(1, BUY, 1, 1, "last"))
    assert home.stop() == 0
    client.hear(100)
    check_whole(home, client)


def load(client: Client, chance: random.Random) -> None:
    """Send some orders and cancels in one frame and hear what has come."""
    commands = []
    for _ in range(chance.randint(1, 60)):
        account = chance.randint(1, 4)
        text = f"o{chance.randint(1, 10**9)}"
        if chance.random() < 0.3:
            commands.append({"kind": CommandKind.CANCEL_ALL, "account": account, "instrument": 0})
        else:
            side = chance.choice([BUY, SELL])
            commands.append(limit(account, side, chance.randint(9_900, 10_100), 10, text))
    client.send(*commands)
    client.hear(2)


def check_whole(home: House, client: Client) -> None:
    """Every answer is in the replay, byte for byte; no request was executed twice; digests agree."""
    engine, commands, events = home.replayed()
    assert events["event_seq"].tolist() == list(range(1, len(events) + 1))
    heard = np.concatenate(client.heard)
    assert (events[heard["event_seq"] - 1] == heard).all()
    requests = commands["request_id"][commands["reply_to"] == client.slot]
    assert len(np.unique(requests)) == len(requests)
    assert client.answered <= set(requests.tolist())
    assert home.stopped()["seq"] == len(commands)
    assert home.stopped()["event_seq"] == len(events)
    assert home.stopped()["digest"] == engine.digest()


def test_the_journal_tells_the_same_digest_on_the_command_line(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening())
    chance = random.Random(1)
    for _ in range(50):
        load(client, chance)
    client.ask(limit(1, BUY, 1, 1, "last"))
    running = home.command("journal", "verify", "--deep", "--json")
    assert running.returncode == 0, running.stderr
    found = json.loads(running.stdout.splitlines()[-1])
    assert (found["live"], found["faults"], found["torn_tail"]) == (True, [], False)
    assert found["seq"] == home.board.status()["seq"]
    assert home.stop() == 0
    at_rest = json.loads(home.command("journal", "digest", "--json").stdout.splitlines()[-1])
    assert at_rest["digest"] == home.stopped()["digest"] == found["digest"]
    assert not at_rest["live"]
    dumped = home.command("journal", "dump", "--from-seq", "1", "--limit", "2", "--json")
    first, second = json.loads(dumped.stdout.splitlines()[-1])["records"]
    assert (first["seq"], first["kind"], first["cl_ord_id"]) == (1, "ADD_ASSET", "BTC")
    assert (second["seq"], second["kind"], second["cl_ord_id"]) == (2, "ADD_ASSET", "USD")
    assert "kind=ADD_ASSET" in home.command("journal", "dump", "--limit", "1").stdout


def test_a_child_tells_missed_events_again_while_the_matcher_runs(
    home: House, client: Client
) -> None:
    home.start()
    client.ask(*opening())
    chance = random.Random(2)
    for _ in range(30):
        load(client, chance)
    client.ask(limit(1, BUY, 1, 1, "last"))
    last = int(home.board.status()["event_seq"])
    _, _, events = home.replayed()
    for first in (1, last // 2, last + 1):
        told = home.replayed_events(first)
        assert told.returncode == 0, told.stderr
        assert (rows_of_pipe(told.stdout) == events[first - 1 :]).all()
    ahead = home.replayed_events(last + 2)
    assert ahead.returncode == BAD_CONFIGURATION
    assert f"ends with event {last}" in ahead.stderr.decode()


def test_frames_of_anything_else_change_nothing(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(1))
    chance = random.Random(7)
    for size in (0, 1, 15, 16, 17, 272, 300, 100_000):
        client.send_bytes(chance.randbytes(size))
    client.send_bytes(endpoints.frame_of(Event, rows_of(Event, 3)))
    garbage = np.frombuffer(chance.randbytes(256 * 200), Command.dtype).copy()
    garbage["reply_to"] = 0
    client.send_bytes(endpoints.frame_of(Command, garbage))
    assert kinds(client.ask(limit(1, BUY, 1, 1, "b"))) == [EventKind.ACCEPTED]
    assert home.stop() == 0


def test_only_one_matcher_lives_in_a_data_directory(home: House) -> None:
    lock = JournalLock(home.journal)
    home.start(wait=False)
    assert home.wait() == BAD_CONFIGURATION
    assert "writes the journal in" in home.log()
    lock.release()


def test_a_wrong_byte_in_the_journal_is_refused_by_name(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(2))
    assert home.stop() == 0
    (path,) = segments_in(home.journal)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    home.start(wait=False)
    assert home.wait() == BAD_CONFIGURATION
    assert f"{path}: corrupt at offset 64" in home.log()
    verified = home.command("journal", "verify", "--json")
    assert verified.returncode == 1
    assert "corrupt at offset 64" in json.loads(verified.stdout)["error"]
    assert path.read_bytes() == content


def test_a_torn_tail_is_cut_and_trading_goes_on(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(2))
    client.ask(limit(1, BUY, 1, 1, "kept"))
    last = client.ask(*[limit(2, BUY, 1, 1, f"torn{number}") for number in range(20)])
    home.kill()
    (path,) = segments_in(home.journal)
    content = bytearray(path.read_bytes())
    end = len(bytes(content).rstrip(b"\0"))
    content[end - 2000 :] = bytes(len(content) - end + 2000)
    path.write_bytes(content)
    home.start()
    assert "tail_cut=yes" in home.log()
    assert home.board.status()["seq"] < last["seq"][-1]
    assert len(home.board.account(1).orders) == 1
    assert kinds(client.ask(limit(2, BUY, 1, 1, "torn0"))) == [EventKind.ACCEPTED]
    assert home.stop() == 0


def test_capacities_stay_what_the_journal_was_begun_with(home: House) -> None:
    home.start()
    assert home.stop() == 0
    home.start(wait=False, OPENBOURSE_CORE_ORDERS="8192")
    assert home.wait() == BAD_CONFIGURATION
    assert "core.orders is 8192, but the journal in" in home.log()


def test_a_changed_file_of_instruments_becomes_commands_at_the_next_start(home: House) -> None:
    home.start()
    assert home.stop() == 0
    before = home.stopped()["seq"]
    home.listings.write_text(
        home.listings.read_text().replace('tick_size = "0.01"', 'tick_size = "0.05"', 1)
    )
    home.start()
    assert home.board.terms(0)[InstrumentTerm.TICK_SIZE] == 5
    assert home.stop() == 0
    assert home.stopped()["seq"] == before + 1


def test_a_file_of_instruments_that_the_market_model_refuses_is_told(home: House) -> None:
    home.listings.write_text(home.listings.read_text() + 'max_price = "10000.01"\n')
    home.start(wait=False)
    assert home.wait() == BAD_CONFIGURATION
    assert "INVALID_TERM" in home.log()


def test_a_full_disk_stops_the_taking_of_commands_until_there_is_room(
    home: House, client: Client
) -> None:
    home.start()
    client.ask(*opening(2))
    assert home.process is not None
    soft, hard = resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE)
    (path,) = segments_in(home.journal)
    resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    sent: set[int] = set()
    number = 0

    def is_refused() -> bool:
        nonlocal number
        number += 50
        some = [limit(1, BUY, 1, 1, f"x{number}-{index}") for index in range(50)]
        sent.update(client.send(*some))
        client.hear(20)
        return not home.board.status()["ready"]

    until(is_refused, "the disk to be full")
    assert "no commands are taken" in home.log()
    resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: home.board.status()["ready"], "room")
    assert kinds(client.ask(limit(2, BUY, 1, 1, "after"))) == [EventKind.ACCEPTED]
    assert home.stop() == 0
    client.hear(100)
    check_whole(home, client)
    _, commands, _ = home.replayed()
    journaled = set(commands["request_id"][commands["reply_to"] == client.slot].tolist())
    assert sent & journaled == sent & client.answered
    assert sent - journaled


def test_the_clock_expires_orders_while_nothing_else_happens(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(1))
    due = limit(1, BUY, 1, 1, "due") | {
        "time_in_force": 5,
        "expire_ns": time.time_ns() + 300_000_000,
    }
    assert kinds(client.ask(due)) == [EventKind.ACCEPTED]
    assert len(home.board.account(1).orders) == 1
    until(lambda: len(home.board.account(1).orders) == 0, "the order to expire", 5)
    assert home.stop() == 0
    check_whole(home, client)


CALENDARS = """
[SHORT]
number = 3
every_s = 3
phases = [
  { at = 00:00:00, phase = "CONTINUOUS" }, { at = 00:00:01, phase = "CLOSING_AUCTION" },
  { at = 00:00:02, phase = "CLOSED" },
]
"""


def test_the_calendar_goes_on_through_kills(home: House, client: Client) -> None:
    """Rule A-1: phases are commands of the journal, so recovery and replay need no calendar."""
    calendars = home.folder / "calendar.toml"
    calendars.write_text(CALENDARS)
    home.listings.write_text(
        home.listings.read_text().replace("tick_size", 'calendar = "SHORT"\ntick_size', 1)
    )
    for _ in range(2):
        home.start(OPENBOURSE_CALENDAR_FILE=str(calendars))
        for phase in (SessionPhase.CLOSING_AUCTION, SessionPhase.CLOSED, SessionPhase.CONTINUOUS):
            until(lambda phase=phase: home.board.instrument(0)["phase"] == phase, phase.name)
        home.kill()
    home.start(OPENBOURSE_CALENDAR_FILE=str(calendars))
    client.ask(*opening(1))
    assert home.stop() == 0
    check_whole(home, client)
    _, commands, _ = home.replayed()
    phases = commands["term"][commands["kind"] == CommandKind.SET_PHASE].tolist()
    assert phases.count(SessionPhase.CLOSED) >= 2
    assert phases.count(SessionPhase.CLOSING_AUCTION) >= 2
    # What is closed is not closed again, whichever steps a life has missed.
    assert (SessionPhase.CLOSED, SessionPhase.CLOSED) not in pairwise(phases)


def test_a_wrong_calendar_is_told(home: House) -> None:
    calendars = home.folder / "calendar.toml"
    calendars.write_text(CALENDARS.replace("every_s = 3", "every_s = 2"))
    home.start(wait=False, OPENBOURSE_CALENDAR_FILE=str(calendars))
    assert home.wait() == BAD_CONFIGURATION
    assert "SHORT.phases has one at 00:00:02; the day is 2 s long" in home.log()
