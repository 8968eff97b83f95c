"""The processes of an exchange, in one: each with its own code, under one clock, killed anywhere.

A process dies with Killed; what it held in memory is gone, its files, its locks and its wires are as an
operating system leaves them. Only the failures that a real process is meant to die of are forgiven:
anything else that escapes is a bug and ends the run.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from broadcaster.intake import Intake
from conf.sections import Supervision
from ingress.gateway import Gateway
from matcher import capacity
from matcher.core.engine import Engine
from matcher.loop import Matcher, Wires
from matcher.outbox import Outbox
from matcher.recovery import recover, restore_newest
from matcher.replay_events import Teller
from matcher.snapshotter import Snapshotter
from protocol.layout import Rows
from protocol.records import Event
from runtime.durable import DurableReader, write_last_again
from runtime.endpoints import rows_in
from runtime.journal import Journal, JournalBroken, JournalFull, JournalLock
from runtime.pipe import ChildFailed
from runtime.replay import JournalReader
from runtime.segments import segments_in
from runtime.shared import NotPublished
from supervision import states
from supervision.programs import Program
from tests.simulation.database import SILENT
from tests.simulation.people import Trader, VirtualLoop
from tests.simulation.wires import SimPublish
from writer.feed import Feed
from writer.store import Fenced

if TYPE_CHECKING:
    from tests.simulation.world import World

_BATCH = 32
_WRITES = 0.3
"""How often the writer gets its turn: so that its batches have several frames, as they really have."""
_GATEWAY_TIMEOUT_S = 0.5
_SETTLE_S = 0.01
_POLICY = Supervision(backoff_first_s=0.01, backoff_limit_s=0.1, healthy_after_s=0.2)


class Process:
    """One process; `start` and `step` may raise Killed, or one of what it is meant to die of."""

    kind = ""
    dies_of: tuple[type[BaseException], ...] = ()

    def __init__(self, world: "World", name: str = "") -> None:
        self.world = world
        self.name = name or self.kind
        self.life = states.Process(Program(self.name, ()), _POLICY)
        """As the supervisor knows it."""
        self.alive = False
        self.paused_ns = 0
        """Until when it stands still."""

    def start(self) -> None:
        """Come to life."""
        raise AssertionError

    def step(self) -> None:
        """Do a little work."""
        raise AssertionError

    def bury(self) -> None:
        """Clean up what a dead process leaves to the operating system."""


class MatcherProcess(Process):
    """The matcher: recovery, then one turn of its loop after another."""

    kind = "matcher"
    dies_of = (JournalBroken, JournalFull)

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self.engine: Engine | None = None
        self.matcher: Matcher | None = None
        self._lock: JournalLock | None = None
        self._journal: Journal | None = None
        self._lives = 0

    @property
    def in_charge(self) -> int:
        """Which life it is that takes commands, as a worker of the ingress sees it; 0: none."""
        return self._lives if self.is_ready else 0

    @property
    def is_ready(self) -> bool:
        """Whether it says that it takes commands."""
        return (
            self.alive and self.engine is not None and bool(self.engine.blocks["status"]["ready"])
        )

    @property
    def event_seq(self) -> int:
        """The last event that it told, or would have."""
        return int(self.engine.blocks["status"]["event_seq"][0]) if self.engine else 0

    def start(self) -> None:
        """Recover, and bring the listings to what the file wants."""
        world = self.world
        self._lives += 1
        world.damage()
        self._lock = JournalLock(world.journal)
        asked = replace(world.capacities, index_seed=world.fate.rng.getrandbits(31))
        self.engine = Engine(capacity.settle(world.journal, asked))
        said: list[str] = []
        world.disk.touched.clear()
        try:
            done = recover(
                self.engine,
                world.data_dir,
                world.policy,
                world.disk_seam,
                tell_unusable=said.append,
            )
        except BaseException:
            world.disk.close_touched()
            raise
        world.archive_segments()
        assert len(said) <= world.damaged_snapshots, said
        self._journal = done.journal
        world.fate.note(f"recovery from {'a snapshot' if done.snapshot_seq else 'the journal'}")
        outbox = Outbox(world.events, SimPublish(world.market), world.replies.__getitem__)
        words = np.zeros(len(self.engine.blocks["instruments"]), np.int64)
        wires = Wires(world.orders, outbox, words, words.copy())
        self.matcher = world.planted.matcher(SILENT, self.engine, self._journal, wires, _BATCH)
        self.matcher.open_market(world.listings)
        self.engine.blocks["status"]["ready"] = 1

    def step(self) -> None:
        """Do one turn."""
        assert self.matcher
        self.matcher.turn()

    def bury(self) -> None:
        """Close what it had open; its wires lose what was in its buffers."""
        if self._journal:
            os.close(self._journal._file)
        if self._lock:
            self._lock.release()
        self.matcher = self._lock = self._journal = None
        for wire in (self.world.orders, self.world.events, *self.world.replies.values()):
            wire.lose_some()

    def finish(self) -> Engine:
        """Stop in good order; return the engine as it was last."""
        assert self.matcher and self.engine and self._lock
        self.matcher.finish()
        self._lock.release()
        self.alive = False
        return self.engine


class SimDurable:
    """What is durable, as `runtime.durable.DurableReader` reads it."""

    def __init__(self, world: "World", journal: JournalReader) -> None:
        self.journal = journal
        self.is_live = False
        self._world = world

    def read(self) -> Iterator[Rows]:
        """Yield what is durable now."""
        matcher = self._world.matcher
        self.is_live = matcher.alive
        if matcher.alive:
            if not matcher.is_ready:
                raise NotPublished
            assert matcher.engine
            yield from self.journal.read(int(matcher.engine.blocks["status"]["seq"][0]))
        else:
            write_last_again(self._world.journal, self._world.disk_seam)
            yield from self.journal.read()

    def sync(self) -> None:
        """Sync the last segment."""
        self._world.fate.step()
        self._world.disk.sync_all(segments_in(self._world.journal)[-1:])


class SimReplay:
    """The child that tells events again, a few frames at a time; it may die, too."""

    def __init__(self, world: "World", event_seq: int) -> None:
        self._world = world
        self._event_seq = event_seq
        self._frames: list[bytes] | None = None

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return some frames; None at the end."""
        if self._world.fate.strikes("kill"):
            raise ChildFailed(["replay"], -9)
        if self._frames is None:
            try:
                self._frames = self._replay()
            except NotPublished:
                return []
            except OSError as error:
                raise ChildFailed(["replay"], 1) from error
        if not self._frames:
            return None
        count = self._world.fate.rng.randint(1, 4)
        found, self._frames = self._frames[:count], self._frames[count:]
        return found

    def close(self) -> None:
        """End it."""

    def _replay(self) -> list[bytes]:
        world, out = self._world, _Frames()
        engine = Engine(capacity.recorded(world.journal))
        journal = restore_newest(engine, world.data_dir, below_event_seq=self._event_seq)
        last = int(engine.blocks["status"]["event_seq"][0])
        teller = Teller(cast("BinaryIO", out), self._event_seq, last)
        for rows in SimDurable(world, journal).read():
            while len(rows):
                events, consumed = engine.apply(rows)
                teller.tell(world.planted.replayed(events))
                rows = rows[consumed:]
        assert self._event_seq <= teller.last_event_seq + 1, "the database is ahead of the journal"
        return out.frames


class _Frames:
    """A pipe's end that keeps the frames that `runtime.pipe.write_frame` writes."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, content: bytes) -> None:
        """Take a length, or the frame that follows it."""
        if len(content) > 4:
            self.frames.append(bytes(content))

    def flush(self) -> None:
        """Nothing is kept back."""


class WriterProcess(Process):
    """The writer: feed, project, store."""

    kind = "writer"
    dies_of = (ChildFailed, Fenced)

    def start(self) -> None:
        """Read the watermark and catch up from there."""
        world = self.world
        self.writer = world.planted.writer(world)
        first = self.writer.watermark.event_seq + 1
        self.feed = Feed(
            world.events,
            lambda event_seq: SimReplay(world, event_seq),
            first,
            100,
            lambda: world.matcher.event_seq,
        )

    def step(self) -> None:
        """Take events and write them."""
        if self.world.database_away or self.world.fate.rng.random() > _WRITES:
            return
        self.writer.add(self.feed.take())
        self.writer.write()

    def bury(self) -> None:
        """Lose what was in its buffers."""
        self.world.events.lose_some()


class BroadcasterProcess(Process):
    """The intake of a broadcaster, and all that it passed on."""

    kind = "broadcaster"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self.told: list[Rows] = []

    def start(self) -> None:
        """Begin with the next event that comes."""
        self.intake = Intake()
        self._next = 0

    def step(self) -> None:
        """Pass on what came."""
        for frame in self.world.market[0].drain(20):
            for portion in self.intake.take(rows_in(Event, frame)):
                first, last = (int(portion.rows["event_seq"][place]) for place in (0, -1))
                assert last - first + 1 == len(portion.rows)
                assert self._next in (0, first) or (portion.after_gap and first > self._next)
                self._next = last + 1
                self.told.append(portion.rows.copy())

    def bury(self) -> None:
        """Lose what was in its buffers."""
        self.world.market[0].lose_some()


class IngressProcess(Process):
    """One worker: its gateway, and the traders that are connected to it."""

    kind = "ingress"

    def __init__(self, world: "World", slot: int, traders: list[Trader]) -> None:
        super().__init__(world, f"ingress {slot}")
        self.traders = traders
        self._slot = slot

    def start(self) -> None:
        """Take a slot; request ids begin anywhere."""
        self._loop = VirtualLoop(self.world.now)
        first = self.world.fate.rng.getrandbits(32)
        self._gateway = Gateway(
            self.world.orders,
            self._slot,
            self._loop,  # type: ignore[arg-type]
            _GATEWAY_TIMEOUT_S,
            lambda: self.world.matcher.in_charge,
            first,
            _SETTLE_S,
        )

    def step(self) -> None:
        """Take answers, and let every trader do something."""
        self._gateway.take(list(self.world.replies[self._slot].drain(50)))
        for trader in self.traders:
            trader.step(self._gateway, ready=self.world.matcher.is_ready)
        # Answers settle futures, and futures call back: nothing of it may wait for the next step.
        self._loop.run()

    def bury(self) -> None:
        """All connections are gone."""
        for trader in self.traders:
            trader.forget()
        self.world.replies[self._slot].lose_some()


class SnapshotterProcess(Process):
    """The snapshotter, with every step a snapshot."""

    kind = "snapshotter"
    keeper: Snapshotter | None = None

    def start(self) -> None:
        """Follow from the newest snapshot."""
        self.keeper = None

    def step(self) -> None:
        """Follow, and take a snapshot now and then."""
        world = self.world
        if world.fate.rng.random() > world.snapshot_share or not segments_in(world.journal):
            return
        if self.keeper is None:
            self.keeper = Snapshotter(
                world.data_dir,
                lambda journal: cast("DurableReader", SimDurable(world, journal)),
                kept=3,
            )
        try:
            for _ in self.keeper.follow():
                world.fate.step()
            watermark = None if world.keeps_all else world.database.watermark().event_seq
            if self.keeper.take(watermark):
                world.fate.note("snapshot")
                if watermark is not None:
                    world.archive_segments()
                    for _ in self.keeper.clear_segments(watermark):
                        world.fate.note("segment cleared away")
        except (NotPublished, OSError):
            return
