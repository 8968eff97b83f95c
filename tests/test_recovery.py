"""From the journal back to the state, and from there to the events that somebody missed."""

import io
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conf.capacities import Core
from conf.settings import Settings
from matcher import capacity, replay_events
from matcher.bootstrap import opening_batches
from matcher.core.engine import Engine
from matcher.core.state import Capacities
from matcher.recovery import apply, replay_into
from matcher.replay_events import NoSuchEvent
from matcher.sequencer import Sequencer
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind, OrdType, SessionPhase, Side, TimeInForce
from runtime import endpoints, shared
from runtime.durable import DurableReader, write_last_again
from runtime.journal import Disk, Journal, JournalLock, Policy
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, Sync, segments_in
from runtime.service import BadConfiguration
from runtime.shared import Blocks, NotPublished
from tests.matcher_house import rows_of_pipe

SMALL = Capacities(
    orders=2048, accounts=16, assets=8, instruments=4, account_orders=512, price_levels=1 << 16,
    dedupe_capacity=512, references=64, lists=64, iceberg_slices=1 << 10, events=1 << 12,
)  # fmt: skip
SMALL_CORE = Core(
    orders=2048, accounts=16, assets=8, instruments=4, account_orders=512, dedupe_capacity=512,
    references=64, lists=64,
)  # fmt: skip
POLICY = Policy(Sync.BATCH, interval_ns=0, segment_bytes=1 << 18)
LISTINGS = {
    "assets": {"BTC": 8, "USD": 8},
    "instruments": {
        "BTCUSD": {
            "base": "BTC",
            "quote": "USD",
            "price_decimals": 2,
            "qty_decimals": 4,
            "ladder_top": "200.00",
        }
    },
}


class Exchange:
    """What the matcher is, without a process: sequencer, journal and core."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "journal"
        self.lock = JournalLock(self.folder)
        self.engine = Engine(capacity.settle(self.folder, SMALL))
        reader = JournalReader(self.folder)
        replay_into(self.engine, reader.read())
        self.journal = Journal(self.folder, reader.place, POLICY)
        self.sequencer = Sequencer(
            self.engine.blocks, self.journal.next_seq - 1, last_ns=0, limit=1000
        )
        self.events = [rows_of(Event, 0)]
        for batch in opening_batches(LISTINGS, self.engine.blocks):
            self.carry_out(batch)

    def carry_out(self, rows: Rows) -> None:
        stamped = self.sequencer.stamp([rows], 1_700_000_000_000_000_000)
        self.journal.append(stamped)
        apply(self.engine, stamped, lambda events: self.events.append(events.copy()))

    def trade(self, chance: random.Random, batches: int) -> None:
        if not self.engine.blocks["accounts"]["exists"][1]:
            self.carry_out(accounts())
        for _ in range(batches):
            self.carry_out(orders(chance, chance.randint(1, 60)))

    @property
    def told(self) -> Rows:
        return np.concatenate(self.events)

    def end(self) -> None:
        self.journal.close()
        self.lock.release()


def accounts() -> Rows:
    rows = rows_of(Command, 9)
    for account in (1, 2, 3):
        add, *deposits = rows[3 * (account - 1) : 3 * account]
        add["kind"], add["account"] = CommandKind.ADD_ACCOUNT, account
        add["cl_ord_id"] = f"trader{account}".encode()
        for asset, deposit in enumerate(deposits):
            deposit["kind"], deposit["account"] = CommandKind.DEPOSIT, account
            deposit["asset"], deposit["amount"] = asset, 10**15
    return rows


def orders(chance: random.Random, count: int) -> Rows:
    rows = rows_of(Command, count)
    for row in rows:
        row["account"] = chance.randint(1, 3)
        if chance.random() < 0.1:
            row["kind"] = CommandKind.CANCEL_ALL
            continue
        row["kind"], row["ord_type"] = CommandKind.ENTER, OrdType.LIMIT
        row["time_in_force"] = chance.choice([TimeInForce.GTC, TimeInForce.IOC])
        row["side"] = chance.choice([Side.BUY, Side.SELL])
        row["price"], row["order_qty"] = chance.randint(9_900, 10_100), chance.randint(1, 50)
        row["cl_ord_id"] = f"o{chance.randint(1, 10**9)}".encode()
    return rows


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "r").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))
    return Settings(data_dir=tmp_path / "data", core=SMALL_CORE)


@pytest.fixture
def exchange(settings: Settings) -> Iterator[Exchange]:
    found = Exchange(settings.data_dir)
    yield found
    found.end()


# The state


def test_a_replay_comes_to_the_same_state_and_the_same_events(exchange: Exchange) -> None:
    exchange.trade(random.Random(1), 40)
    engine, events = Engine(SMALL), []
    replay_into(
        engine,
        JournalReader(exchange.folder).read(),
        take=lambda some: events.append(some.copy()),
    )
    assert engine.digest() == exchange.engine.digest()
    assert (np.concatenate(events) == exchange.told).all()
    assert len(exchange.told) > 1000


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_it_does_not_matter_how_the_commands_are_cut_into_batches(
    exchange: Exchange, size: int
) -> None:
    exchange.trade(random.Random(2), 20)
    commands = np.concatenate(list(JournalReader(exchange.folder).read()))
    engine = Engine(SMALL)
    replay_into(engine, (commands[start : start + size] for start in range(0, len(commands), size)))
    assert engine.digest() == exchange.engine.digest()


def test_trading_goes_on_after_a_restart_as_if_there_had_been_none(tmp_path: Path) -> None:
    def digest_of(data_dir: Path, lives: list[int]) -> object:
        chance, digest = random.Random(3), None
        for batches in lives:
            exchange = Exchange(data_dir)
            exchange.trade(chance, batches)
            digest = exchange.engine.digest()
            exchange.end()
        return digest

    once = digest_of(tmp_path / "one", [30])
    assert once == digest_of(tmp_path / "more", [3, 0, 17, 10])


def test_a_different_journal_comes_to_a_different_digest(tmp_path: Path) -> None:
    digests = set()
    for seed in (1, 2):
        exchange = Exchange(tmp_path / str(seed))
        exchange.trade(random.Random(seed), 3)
        digests.add(exchange.engine.digest())
        exchange.end()
    assert len(digests) == 2


def test_a_long_replay_says_how_far_it_is(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.trade(random.Random(4), 3)
    monkeypatch.setattr("matcher.recovery.TELL_NS", 0)
    told: list[int] = []
    count = replay_into(
        Engine(SMALL),
        JournalReader(exchange.folder).read(),
        tell=lambda seq, rate: told.append(seq) if rate > 0 else None,
    )
    assert told[-1] == count == exchange.journal.next_seq - 1


# Capacities


def test_a_new_journal_keeps_the_capacities_it_was_begun_with(tmp_path: Path) -> None:
    asked = capacity.wanted(SMALL_CORE)
    tmp_path.joinpath("journal").mkdir()
    assert capacity.settle(tmp_path / "journal", asked) == asked
    assert capacity.recorded(tmp_path / "journal") == asked


def test_other_capacities_are_refused_once_the_journal_exists(exchange: Exchange) -> None:
    with pytest.raises(BadConfiguration, match=r"core\.orders is 4096, but .* begun with 2048"):
        capacity.settle(exchange.folder, replace(SMALL, orders=4096))
    with pytest.raises(BadConfiguration, match="dedupe_window_ns"):
        capacity.settle(exchange.folder, replace(SMALL, dedupe_window_ns=1))


def test_what_only_readers_see_may_change_from_start_to_start(exchange: Exchange) -> None:
    found = capacity.settle(exchange.folder, replace(SMALL, depth_levels=7))
    assert found == replace(SMALL, depth_levels=7)


def test_without_its_capacities_a_journal_is_refused(exchange: Exchange) -> None:
    (exchange.folder / "capacities.json").unlink()
    with pytest.raises(CorruptJournal, match=r"capacities\.json.*cannot be read"):
        capacity.settle(exchange.folder, SMALL)


# What is durable


def published(exchange: Exchange, run: Path, seq: int, ready: int = 1) -> Blocks:
    blocks = Blocks(run, epoch=1 + seq)
    status = exchange.engine.blocks["status"]
    copy = blocks.allocate("status", status.dtype, (1,))
    copy[:] = status
    copy["seq"], copy["ready"] = seq, ready
    blocks.publish()
    return blocks


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(shared, "_FOLDER", tmp_path / "memory")
    return endpoints.run_dir(settings.data_dir)


def count(reader: DurableReader) -> int:
    return sum(len(rows) for rows in reader.read())


def test_while_a_matcher_lives_only_what_it_published_is_read(
    exchange: Exchange, run: Path
) -> None:
    exchange.carry_out(accounts())
    exchange.trade(random.Random(5), 3)
    half = exchange.journal.next_seq - 1
    exchange.trade(random.Random(6), 3)
    published(exchange, run, half)
    reader = DurableReader(JournalReader(exchange.folder), run)
    assert count(reader) == half
    assert reader.is_live
    published(exchange, run, exchange.journal.next_seq - 1)
    assert count(reader) == exchange.journal.next_seq - 1 - half
    assert count(reader) == 0


def test_a_matcher_that_is_still_starting_has_nothing_to_read_yet(
    exchange: Exchange, run: Path
) -> None:
    reader = DurableReader(JournalReader(exchange.folder), run)
    with pytest.raises(NotPublished):
        count(reader)
    published(exchange, run, 3, ready=0)
    with pytest.raises(NotPublished):
        count(reader)


def test_when_no_matcher_lives_everything_is_read(exchange: Exchange, run: Path) -> None:
    exchange.trade(random.Random(7), 3)
    total = exchange.journal.next_seq - 1
    exchange.lock.release()
    reader = DurableReader(JournalReader(exchange.folder), run)
    assert count(reader) == total
    assert not reader.is_live


def test_what_is_read_at_rest_was_written_once_more(exchange: Exchange) -> None:
    # After a failed sync the kernel takes the pages for clean: another sync alone does nothing.
    exchange.trade(random.Random(7), 3)
    path, place = segments_in(exchange.folder)[-1], exchange.journal._place
    before = path.read_bytes()
    written: list[tuple[int, bytes]] = []

    def write(file: int, content: bytes | memoryview, offset: int) -> int:
        # Less than asked for, as a write may do.
        written.append((offset, bytes(content[:300])))
        return os.pwrite(file, content[:300], offset)

    def sync(_file: int) -> None:
        synced.append(len(written))

    synced: list[int] = []
    write_last_again(exchange.folder, Disk(write=write, sync=sync))
    assert written[0][0] == place.last_offset
    assert b"".join(content for _, content in written) == before[place.last_offset : place.offset]
    assert synced == [len(written)]
    assert path.read_bytes() == before


def test_a_half_written_batch_is_no_corruption_once_a_matcher_has_come(
    exchange: Exchange, run: Path
) -> None:
    exchange.trade(random.Random(8), 90)
    path = segments_in(exchange.folder)[-1]
    content = bytearray(path.read_bytes())
    end = len(bytes(content).rstrip(b"\0"))
    content[end - 300] ^= 1
    path.write_bytes(content)
    exchange.lock.release()
    with pytest.raises(CorruptJournal):
        count(DurableReader(JournalReader(exchange.folder), run))
    batches = DurableReader(JournalReader(exchange.folder), run).read()
    first = next(batches)
    exchange.lock = JournalLock(exchange.folder)
    assert len(first) + sum(len(rows) for rows in batches) < exchange.journal.next_seq - 1


# Events again


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_consumer_hears_the_same_events_again_from_any_one_on(
    exchange: Exchange, settings: Settings, run: Path, share: float
) -> None:
    exchange.trade(random.Random(9), 20)
    published(exchange, run, exchange.journal.next_seq - 1)
    wanted = exchange.told[int(share * (len(exchange.told) - 1)) :]
    out = io.BytesIO()
    replay_events.replay_events(settings, int(wanted["event_seq"][0]), out)
    assert (rows_of_pipe(out.getvalue()) == wanted).all()


def test_a_consumer_that_has_everything_hears_nothing(
    exchange: Exchange, settings: Settings, run: Path
) -> None:
    published(exchange, run, exchange.journal.next_seq - 1)
    out = io.BytesIO()
    replay_events.replay_events(settings, len(exchange.told) + 1, out)
    assert out.getvalue() == b""


def test_a_consumer_that_is_ahead_of_the_journal_is_told_so(
    exchange: Exchange, settings: Settings, run: Path
) -> None:
    published(exchange, run, exchange.journal.next_seq - 1)
    with pytest.raises(NoSuchEvent, match=f"ends with event {len(exchange.told)}"):
        replay_events.replay_events(settings, len(exchange.told) + 2, io.BytesIO())


def test_the_phase_of_the_file_is_where_a_new_instrument_opens(exchange: Exchange) -> None:
    assert exchange.engine.blocks["instruments"]["phase"][0] == SessionPhase.CONTINUOUS
