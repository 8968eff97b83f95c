"""Two hosts, a wire and a database between them, under everything that may go wrong, from one seed.

The matchers' own code runs: the follower, the receipts, the keeper of the lease, the rule of the takeover, the journal
on a real disk. Faked are the clock, the wire (frames are lost, it is cut) and the database (it is away, a
statement is lost before or after it was done, or arrives late). A host is killed, stands still, loses its disk.

What is told must stay: whatever one in charge has acknowledged stands, to the letter, in the journal that
both have in the end.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import rmtree
from types import SimpleNamespace
from typing import Any, cast

from matcher import capacity, two_hosts
from matcher.core.engine import Engine
from matcher.follower import Diverged, Follower
from matcher.recovery import apply, catch_up
from matcher.replicas import Fenced, Mode, Replicas
from matcher.shipping import Source
from protocol.layout import Rows, rows_of
from protocol.records import Command
from protocol.terms import CommandKind
from runtime.journal import Journal, JournalLock, Policy
from runtime.lease import Keeper, Lease, Standing, copy_id
from runtime.replay import JournalReader
from runtime.segments import Sync, segments_in
from tests.simulation.calm import turn_until
from tests.simulation.two_hosts_parts import AskEnd, Books, Line, ServeEnd
from tests.simulation.two_hosts_planted import Planted
from tests.simulation.virtual_clock import virtual_time
from tests.simulation.world import CAPACITIES

MS = 1_000_000
LOG = logging.getLogger("simulation.two_hosts")
LOG.disabled = True
POLICY = Policy(Sync.OFF, interval_ns=0, segment_bytes=1 << 14)
STORM_TURNS = 600
_STEP_MS = (1, 20)


@dataclass
class Rates:
    """How often what goes wrong, per chance that it has."""

    kill: float = 0.0
    pause: float = 0.0
    cut: float = 0.0
    drop: float = 0.0
    away: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    disk: float = 0.0


def drawn(rng: Random) -> Rates:
    """Choose what goes wrong in one run: some things and not others."""
    return Rates(
        kill=rng.choice((0, 0.005, 0.02)),
        pause=rng.choice((0, 0.005, 0.02)),
        cut=rng.choice((0, 0.005, 0.02)),
        drop=rng.choice((0, 0.02, 0.2)),
        away=rng.choice((0, 0.005, 0.02)),
        lost=rng.choice((0, 0.05, 0.3)),
        late=rng.choice((0, 0.1, 0.5)),
        disk=rng.choice((0, 0, 0.001)),
    )


class Host:
    """One host and its matcher, life after life."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.folder = world.folder / str(number) / "journal"
        self.folder.mkdir(parents=True)
        self.alive = False
        self.paused_ns = 0
        self.back_ns = 0
        self.follower: Follower | None = None
        self.replicas: Replicas | None = None
        self.keeper: Keeper | None = None
        self._lock: JournalLock | None = None
        self._held: tuple[int, str] | None = None

    @property
    def offers(self) -> Line:
        """The line to whoever follows this host."""
        return self.world.lines[self.number]

    def start(self) -> None:
        """Come to life, with what lies on the disk."""
        world = self.world
        self.alive, self._held = True, None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = JournalLock(self.folder)
        self._session = world.new_number()
        self._copy = copy_id(self.folder)
        self._lease = world.planted.lease(world.books, self._session)
        wire = AskEnd(world.lines[1 - self.number], b"%d" % self._session)
        self.follower = world.planted.follower(
            LOG, wire, self.folder, POLICY, self._copy, self._make_engine
        )
        if segments_in(self.folder):
            self._engine = self._make_engine()
            self._journal = catch_up(self._engine, JournalReader(self.folder), POLICY).journal
            self.follower.journal, self.follower.engine = self._journal, self._engine
        life = SimpleNamespace(
            settings=SimpleNamespace(matcher=SimpleNamespace(silence_s=0.5)),
            folder=self.folder,
            service=SimpleNamespace(log=LOG),
        )
        self._takeover = two_hosts.Takeover(
            cast("Any", life), cast("Lease", self._lease), self._copy
        )

    def end(self, after_ms: int = 300) -> None:
        """Die: what was in memory is gone, the system closes the rest."""
        if self._lock:
            self._lock.release()
        journal = self.follower.journal if self.follower else self._journal
        if journal:
            os.close(journal._file)
        if self.follower:
            self.follower.close()
        self._lease.close()
        self.offers.to_server.clear()
        self.alive, self.follower, self.replicas, self.keeper = False, None, None, None
        self.back_ns = self.world.now_ns + self.world.rng.randint(1, after_ms) * MS

    def step(self) -> None:
        """Do a little."""
        try:
            if self.replicas:
                self._trade()
            else:
                self._stand_by()
        except Fenced:
            self.end()
        except Diverged:
            rmtree(self.folder)
            self.end()

    def _stand_by(self) -> None:
        assert self.follower
        if epoch := self._takeover.try_to_take(self.follower.silence_ns()):
            self._begin(epoch)
        else:
            self.follower.turn(0)

    def _begin(self, epoch: int) -> None:
        assert self.follower
        self.follower.close()
        engine, journal = self.follower.engine, self.follower.journal
        self._engine = engine or self._make_engine()
        self._journal = journal or Journal(self.folder, None, POLICY)
        self.follower = None
        self._journal.begin_epoch(epoch)
        self.keeper = Keeper(cast("Lease", self._lease), epoch)
        source = Source(
            self.folder,
            self._journal.place.head.journal_id,
            epoch,
            (self.folder / capacity.FILE).read_bytes(),
        )
        self.replicas = self.world.planted.replicas(
            ServeEnd(self.offers),
            LOG,
            self._journal.next_seq,
            self.world.alone_after_s,
            source=source,
            keeper=self.keeper,
        )

    def _trade(self) -> None:
        """Journal one command more, or tell of the last one when that may be."""
        assert self.replicas and self.keeper
        if self.world.rng.random() < 0.3:
            # The thread of the keeper.
            self.keeper.turn()
        if self._held is None and self.world.rng.random() < 0.7:
            text = f"{self.number}-{self.world.new_number()}"
            seq = self._journal.next_seq
            self._journal.append(_command(seq, text, self.world.now_ns))
            self._held = seq, text
            self.replicas.journaled(self._journal.next_seq)
        if self.replicas.confirmed(0) and self._held:
            self.world.told(*self._held)
            apply(self._engine, _command(*self._held, self.world.now_ns), None)
            self._held = None

    def _make_engine(self) -> Engine:
        return Engine(capacity.settle(self.folder, CAPACITIES))


class World:
    """One run; `folder` is empty."""

    def __init__(self, seed: int, folder: Path, planted: Planted) -> None:
        self.rng = Random(seed)
        self.folder, self.planted = folder, planted
        self.rates = Rates()
        self.now_ns = 10**18
        self.alone_after_s = self.rng.choice((0.0, 0.3, 2.0))
        self._number = 0
        self._away_until_ns = 0
        self.counts = {"told": 0, "kill": 0, "pause": 0, "disk": 0}
        self._told: dict[int, str] = {}
        self.books = Books(self)
        self.lines = [Line(self), Line(self)]
        self.hosts = [Host(self, 0), Host(self, 1)]
        # The word of an operator: this one shall begin.
        self.books.row = Standing(0, copy_id(self.hosts[0].folder), 0, 0)

    @property
    def database_away(self) -> bool:
        """Whether nobody reaches the database now."""
        return self.now_ns < self._away_until_ns

    def new_number(self) -> int:
        """A number that was not given before."""
        self._number += 1
        return self._number

    def strikes(self, fault: str) -> bool:
        """Decide whether a fault strikes now."""
        rate = getattr(self.rates, fault)
        return bool(rate) and self.rng.random() < rate

    def told(self, seq: int, text: str) -> None:
        """Note what was acknowledged."""
        before = self._told.setdefault(seq, text)
        assert before == text, f"{seq} was acknowledged as {before} and as {text}"
        self.counts["told"] += 1

    def run(self) -> None:
        """Play it: a quiet beginning, a storm, a calm in which all must come back; then look."""
        with virtual_time(lambda: self.now_ns):
            self._until(self._are_together)
            self.rates = drawn(self.rng)
            for _ in range(STORM_TURNS):
                self._have_bad_luck()
                self._turn()
            self.rates = Rates()
            self._away_until_ns = 0
            for line in self.lines:
                line.cut = False
            for host in self.hosts:
                host.paused_ns = 0
            self._until(self._are_together)
            self._check()

    def close(self) -> None:
        """End what lives."""
        for host in self.hosts:
            if host.alive:
                host.end()

    def _turn(self) -> None:
        self.now_ns += self.rng.randint(*_STEP_MS) * MS
        for host in self.rng.sample(self.hosts, 2):
            if not host.alive and host.back_ns <= self.now_ns:
                host.start()
            elif host.alive and host.paused_ns <= self.now_ns:
                host.step()
        if self.books.late and self.rng.random() < 0.1:
            self.books.late.pop(0)()

    def _have_bad_luck(self) -> None:
        rng = self.rng
        host = rng.choice(self.hosts)
        if host.alive and self.strikes("kill"):
            self.counts["kill"] += 1
            host.end()
        if self.strikes("pause"):
            self.counts["pause"] += 1
            host.paused_ns = self.now_ns + rng.randint(1, 3000) * MS
        if self.strikes("disk") and host.follower and not self._needs(host):
            self.counts["disk"] += 1
            host.end()
            rmtree(host.folder)
        for line in self.lines:
            if line.cut:
                line.cut = rng.random() > 0.02
            elif self.strikes("cut"):
                line.cut = True
        if self.strikes("away"):
            self._away_until_ns = self.now_ns + rng.randint(1, 2000) * MS

    def _needs(self, host: Host) -> bool:
        """Say whether this host has the only whole copy: who loses that one has lost it."""
        row = self.books.row
        return row is None or row.holder == host._copy

    def _until(self, done: Callable[[], bool]) -> None:
        turn_until(done, self._turn, lambda: self.books.row)

    def _are_together(self) -> bool:
        """Whether one is in charge, and the lease says that the other has everything."""
        in_charge = [host for host in self.hosts if host.replicas]
        if len(in_charge) != 1 or self.books.late:
            return False
        (one,), other = in_charge, self.hosts[1 - in_charge[0].number]
        row = self.books.row
        return bool(
            one.replicas
            and one.replicas.mode is Mode.TOGETHER
            and one._held is None
            and one.replicas.behind == 0
            and other.alive
            and row
            and row.replica == other._copy
        )

    def _check(self) -> None:
        """Hold what was told against both journals."""
        texts = [_texts(host.folder) for host in self.hosts]
        assert texts[0] == texts[1], "the copies differ"
        lost = {seq: text for seq, text in self._told.items() if texts[0].get(seq) != text}
        assert not lost, f"{len(lost)} of {len(self._told)} acknowledged commands are lost: {lost}"


def _command(seq: int, text: str, now_ns: int) -> Rows:
    rows = rows_of(Command, 1)
    rows["seq"], rows["at_ns"], rows["kind"] = seq, now_ns, CommandKind.TICK
    rows["cl_ord_id"] = text.encode()
    return rows


def _texts(folder: Path) -> dict[int, str]:
    return {
        int(row["seq"]): bytes(row["cl_ord_id"]).decode()
        for rows in JournalReader(folder).read()
        for row in rows
    }


def play(seed: int, folder: Path, planted: Planted | None = None) -> dict[str, int]:
    """Play one seed in an empty folder; return what was in it.

    Raises: AssertionError when something told is lost, or the two do not come back.
    """
    world = World(seed, folder, planted or Planted())
    try:
        world.run()
    finally:
        world.close()
    return world.counts
