"""One run: an exchange, its traders and its bad luck, from one seed.

Three parts: a quiet opening, the storm with the rates that were drawn, and a calm in which everything has
to come back by itself. Nothing here reads a real clock or the machine's chance, so a seed is a whole run:
`trace` sums up every frame and every step, and is the same wherever the seed is played.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random

from matcher.core.state import Capacities
from matcher.recovery import snapshot_folder
from protocol.terms import CommandKind
from runtime.journal import Disk, Policy
from runtime.segments import Sync, segments_in
from runtime.snapshot import snapshots_in
from supervision.states import ALIVE, WORKING, Due, State
from tests.simulation.calm import turn_until
from tests.simulation.database import SimDatabase
from tests.simulation.disk import SimDisk
from tests.simulation.faults import Fate, Killed, PowerLost, Rates
from tests.simulation.flips import flip_in_journal, flip_in_snapshot
from tests.simulation.people import Fields, Trader
from tests.simulation.planted import NOTHING, Planted
from tests.simulation.processes import (
    BroadcasterProcess,
    IngressProcess,
    MatcherProcess,
    Process,
    SnapshotterProcess,
    WriterProcess,
)
from tests.simulation.virtual_clock import virtual_time
from tests.simulation.wires import SimWire

TRADERS = 4
FUNDS = 50_000
STORM_TURNS = 250
_PAUSE_NS = 200_000_000
_BEGIN_NS = 1_800_000_000 * 10**9
_WIRE_LIMITS = (6, 40, 1000)
_LISTINGS = tomllib.loads("""
[assets]
BTC = 2
USD = 2
[instruments.BTCUSD]
base = "BTC"
quote = "USD"
price_decimals = 0
qty_decimals = 2
ladder_top = "255"
maker_fee = "0.001"
taker_fee = "0.002"
""")
CAPACITIES = Capacities(
    orders=512,
    accounts=8,
    assets=4,
    instruments=2,
    account_orders=128,
    price_levels=512,
    depth_levels=5,
    dedupe_capacity=4096,
    references=512,
    lists=8,
    iceberg_slices=16,
    events=256,
)
"""Enough for one run, and quick to make: a run makes some dozens of engines."""


class World:
    """Everything there is in one run; `folder` is empty and takes journal and snapshots."""

    def __init__(self, seed: int, folder: Path, planted: Planted = NOTHING) -> None:
        self.seed = seed
        self.planted = planted
        self.fate = fate = Fate(seed)
        self.data_dir, self.journal = folder, folder / "journal"
        self.archive, self.run_dir = folder / "archive", folder / "run"
        for made in (self.journal, self.archive, self.run_dir):
            made.mkdir()
        self.capacities, self.listings = CAPACITIES, _LISTINGS
        self.policy = self._policy()
        self.disk = SimDisk(fate, evicts=self.policy.sync == Sync.BATCH)
        self.disk_seam: Disk = planted.seam(self.disk.seam())
        self.snapshot_share = fate.rng.choice((0.0, 0.02, 0.1))
        self.keeps_all = fate.rng.random() < 0.5 or fate.drawn.failover > 0
        self.damaged_snapshots = 0
        self.database = SimDatabase(fate)
        self.database_away = False
        self._now_ns, self._spawned = _BEGIN_NS, 0
        self._full_until_ns = self._away_until_ns = 0
        limits = [fate.rng.choice(_WIRE_LIMITS) for _ in range(3)]
        self.orders, self.events, market = (self._wire(limit) for limit in limits)
        self.market = [market]
        self.replies = {slot: self._wire(40) for slot in (1, 2)}
        self.traders = [
            Trader(number, Random(fate.rng.random())) for number in range(1, 1 + TRADERS)
        ]
        self.operator = Trader(0, Random(0), _opening())
        self.matcher = MatcherProcess(self)
        self.writer = WriterProcess(self)
        self.broadcaster = BroadcasterProcess(self)
        self.processes: list[Process] = [
            self.matcher,
            SnapshotterProcess(self),
            self.writer,
            self.broadcaster,
            IngressProcess(self, 1, [self.operator, *self.traders[:2]]),
            IngressProcess(self, 2, self.traders[2:]),
        ]

    def now(self) -> int:
        """Virtual time."""
        return self._now_ns

    def run(self) -> None:
        """Play the whole run.

        Raises: AssertionError when something does not come back; whatever a process must not die of.
        """
        with virtual_time(self.now):
            self._let_trade(until=0)
            self._until(lambda: not self.operator.waits and self._is_quiet())
            self.fate.rates = self.fate.drawn
            self._let_trade(until=None)
            for _ in range(STORM_TURNS):
                self._have_bad_luck()
                self._turn()
            self._heal()
            self._until(self._are_all_back)
            # Each asks something more, and now all must go well.
            self._let_trade(until=1)
            self._until(self._is_quiet)

    def damage(self) -> None:
        """Perhaps flip bits before the matcher starts: each must be found, or be of no account."""
        self.archive_segments()
        if self.fate.strikes("flip"):
            flip_in_journal(self.fate.rng, self.archive)
        found = snapshots_in(snapshot_folder(self.data_dir))
        # When segments are cleared away, one good snapshot must be left.
        if len(found) > 1 and self.damaged_snapshots == 0 and self.fate.strikes("flip"):
            flip_in_snapshot(self.fate.rng, found[-1])
            self.damaged_snapshots += 1

    def close(self) -> None:
        """End all processes that still live, as the machine would."""
        for process in self.processes:
            if process.alive:
                process.bury()

    def archive_segments(self) -> None:
        """Keep every segment under a second name, for the checks: some are cleared away."""
        for path in segments_in(self.journal):
            kept = self.archive / path.name
            if not kept.exists():
                kept.hardlink_to(path)

    def _turn(self) -> None:
        self._now_ns += self.fate.rng.randint(100_000, 3_000_000)
        order = list(self.processes)
        self.fate.rng.shuffle(order)
        for process in order:
            try:
                self._let_go_on(process)
            except PowerLost:
                self._lose_power()
        self.fate.trace(f"{self._now_ns} {self._standing()}".encode())

    def _let_go_on(self, process: Process) -> None:
        """Start a process that is due, or let a living one do a step: what a supervisor does."""
        life, now_ns = process.life, self._now_ns
        try:
            if process.alive:
                if process.paused_ns <= now_ns:
                    self.fate.step()
                    process.step()
                life.due(now_ns)
            elif life.state is State.STOPPED or life.due(now_ns) is Due.SPAWN:
                self._spawned += 1
                life.spawned(self._spawned, now_ns)
                process.start()
                process.alive = True
                life.heard(self._spawned, "ready", {}, now_ns)
        except Killed:
            self._end(process, -9)
        except process.dies_of as error:
            self.fate.note(f"{process.kind} ended: {type(error).__name__}")
            self._end(process, 1)

    def _end(self, process: Process, status: int) -> None:
        if status < 0:
            self.fate.note(f"{process.kind} killed")
        process.alive, process.paused_ns = False, 0
        process.bury()
        process.life.died(status, self._now_ns)

    def _lose_power(self) -> None:
        """End everything on this machine; the database is on another."""
        for process in self.processes:
            if process.life.state in ALIVE:
                process.alive, process.paused_ns = False, 0
                process.bury()
                process.life.died(-9, self._now_ns)
        self.disk.lose_power(sorted(self.journal.glob("*.draft")) + segments_in(self.journal))

    def _have_bad_luck(self) -> None:
        """Let a process stand still, the disk fill up, the database go away, each for a while."""
        rng, now_ns = self.fate.rng, self._now_ns
        if self.fate.strikes("pause"):
            rng.choice(self.processes).paused_ns = now_ns + rng.randrange(_PAUSE_NS)
        if self.fate.strikes("disk_fills"):
            self._full_until_ns = now_ns + rng.randrange(_PAUSE_NS)
        if self.fate.strikes("database_away"):
            self._away_until_ns = now_ns + rng.randrange(2 * _PAUSE_NS)
        if self.fate.strikes("database_late"):
            self.writer.paused_ns = now_ns + rng.randrange(_PAUSE_NS)
        self.disk.full = now_ns < self._full_until_ns
        self.database_away = now_ns < self._away_until_ns

    def _heal(self) -> None:
        self.fate.rates = Rates()
        self.disk.full = self.database_away = False
        for process in self.processes:
            process.paused_ns = 0

    def _let_trade(self, until: int | None) -> None:
        """Let every trader ask so many times more; None: again and again."""
        for trader in self.traders:
            trader.may_ask = until

    def _until(self, done: Callable[[], bool]) -> None:
        turn_until(done, self._turn, self._standing)

    def _are_all_back(self) -> bool:
        return self.matcher.is_ready and all(
            process.life.state in WORKING for process in self.processes
        )

    def _is_quiet(self) -> bool:
        """Whether everyone is answered, everything is stored, and nothing is on its way."""
        if not self._are_all_back() or any(trader.waits for trader in self.traders):
            return False
        return (
            self.writer.feed.is_live
            and self.database.watermark().event_seq == self.matcher.event_seq
            and not any(wire.frames for wire in (self.orders, self.events, *self.market))
        )

    def _standing(self) -> str:
        lives = " ".join(f"{one.name}={one.life.state}" for one in self.processes)
        waiting = sum(trader.waits for trader in self.traders)
        return f"{lives} {self.matcher.event_seq} {self.database.watermark()} {waiting} wait"

    def _policy(self) -> Policy:
        """Draw how the journal is synced. The weaker ways say that a power cut loses something."""
        sync = self.fate.rng.choice((Sync.BATCH, Sync.BATCH, Sync.BATCH, Sync.INTERVAL, Sync.OFF))
        if sync != Sync.BATCH:
            self.fate.drawn.power_cut = 0.0
        return Policy(
            sync, interval_ns=20_000_000, segment_bytes=self.fate.rng.choice((1 << 14, 1 << 20))
        )

    def _wire(self, limit: int) -> SimWire:
        return SimWire(self.fate, self.now, limit)


def _opening() -> list[Fields]:
    """Return what the operator does: accounts, each with money and shares."""
    script: list[Fields] = []
    for account in range(1, 1 + TRADERS):
        name = f"trader {account}".encode()
        script.append({"kind": CommandKind.ADD_ACCOUNT, "account": account, "cl_ord_id": name})
        for asset in (0, 1):
            fields: Fields = {"kind": CommandKind.DEPOSIT, "account": account, "asset": asset}
            reference = f"funds {account} {asset}".encode()
            script.append({**fields, "amount": FUNDS, "cl_ord_id": reference})
    return script
