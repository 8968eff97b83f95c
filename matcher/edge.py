"""The edge: `python -m matcher.edge`. Stands where the matcher stands, on a host that takes orders for another one.

It follows the journal of the exchange (`matcher/gate.py` there sends it), applies it, and shows and tells what the
matcher there shows and tells: the same shared memory, the same events, and to the workers of this host
the answers to what they asked. So ingress and broadcasters are the programs of every host, and a read
after an answer sees what was answered, for both come out of the same copy, in that order.

    orders  ── workers ──▶ edge ── COMMANDS ──▶ gate ──▶ matcher ──▶ journal
    answers ◀── workers ── edge ◀── BATCHES ─── gate ◀───────────────┘

It never takes over, and nobody waits for its receipts. While it hears nothing, or is late by more than STALE_NS, it
takes no orders and no account is shown (BEHIND); books are shown as they were last. The copy is a help to begin
quickly: it is not synced, and one that is damaged, or has what the other one lost, is begun anew.
"""

import sys
from dataclasses import dataclass, replace

from conf.settings import Settings, load
from matcher.asked_books import AskedBooks
from matcher.core.engine import Engine
from matcher.follower import Diverged
from matcher.life import Life, lock_of
from matcher.outbox import Outbox, to_waiters
from protocol.board import BEHIND, READY
from protocol.layout import Rows
from runtime import clock, endpoints, shared
from runtime.curve import CannotListen, Keys, NoKeys, Visitor, is_key
from runtime.endpoints import to_edge
from runtime.lease import copy_id
from runtime.market_wire import place_of
from runtime.replica_frames import Frame, Word
from runtime.segments import CorruptJournal, WrongVersion
from runtime.service import BadConfiguration, Service, run
from runtime.sockets import Publish, Pull, wait_for_any

STALE_NS = 1_000_000_000
"""How old what is shown of an account may be."""
SILENCE_NS = 3_000_000_000
"""After so long without a word it is said what that may mean, and the connection is made anew."""
KEPT_ASIDE = 2
"""How many of the copies that were put aside stay: nothing is in them that the exchange does not have."""
_TURN_MS = 5
_LINGER_MS = 100


@dataclass(frozen=True)
class _Doors:
    """What leads to the processes of this host, once there is something to show."""

    orders: Pull
    outbox: Outbox
    books: AskedBooks


class Edge:
    """What the loop works with."""

    def __init__(self, life: Life, wire: Visitor) -> None:
        self._life = life
        self._wire = wire
        self._run = life.service.run
        self._follower = life.follower(wire, copy_id(life.folder), self._tell)
        self._doors: _Doors | None = None
        self._is_silent = False
        self._came_ns = self._well_ns = clock.steady_ns()
        self._dropped = 0
        self._life_there = 0

    def turn(self) -> None:
        """Do one round of the loop.

        Raises: Diverged; BadConfiguration; JournalBroken.
        """
        follower, doors = self._follower, self._doors
        wait_for_any(_TURN_MS, *(one for one in (self._wire, doors and doors.orders) if one))
        follower.turn(0)
        self._note_silence()
        if follower.engine is None:
            self._life.service.progress(waits_for="the exchange")
        elif doors is None:
            self._life.service.progress(seq=follower.next_seq - 1, of=follower.end_seq - 1)
            if follower.whole_ns:
                self._open(follower.engine)
        else:
            self._forward(doors)
            doors.books.turn()
            status = follower.engine.blocks["status"]
            self._note_life(status)
            status["ready"] = self._state()
            status["heartbeat_ns"] = clock.wall_ns()
            self._life.service.beat_with(self._facts)

    def close(self) -> None:
        """End everything; the copy is whole up to where it is."""
        if self._doors:
            self._doors.outbox.close(_LINGER_MS)
            self._doors.orders.close()
        shared.withdraw(self._run)
        self._follower.leave()
        if self._follower.journal:
            self._follower.journal.close()

    def stand_back(self) -> None:
        """Show that nobody looks any more how old this is: who cannot go on is perhaps not started again."""
        if self._follower.engine:
            self._follower.engine.blocks["status"]["ready"] = BEHIND

    def _note_silence(self) -> None:
        """Log once that the exchange is away, and that it is there again; come again while it is.

        Of several it may be another one that is in charge, also when this one takes no orders.
        """
        follower, settings = self._follower, self._life.settings
        is_silent = follower.silence_ns() > SILENCE_NS
        now_ns = clock.steady_ns()
        if follower.is_open and not is_silent:
            self._well_ns = now_ns
        is_elsewhere = "," in settings.edge.source and now_ns - self._well_ns > SILENCE_NS
        if (is_silent or is_elsewhere) and now_ns - self._came_ns > SILENCE_NS:
            self._came_ns = now_ns
            self._wire.come_again()
        if is_silent == self._is_silent:
            return
        self._is_silent = is_silent
        log, source = self._life.service.log, settings.edge.source
        if is_silent:
            log.warning(
                "nobody answers at %s: nobody is there, or the key of this host is not trusted with orders "
                "(`openbourse keys trust NAME KEY --edge` there), or edge.source_key is not its key",
                source,
            )
        else:
            log.info("%s answers again", source)

    def _note_life(self, status: Rows) -> None:
        """Show that another matcher takes the orders: what was on its way to the last one may have ended with it.

        A number of this host's own, for the same one is another life behind another edge.
        """
        if self._follower.life != self._life_there:
            self._life_there = self._follower.life
            status["epoch"] = clock.wall_ns()

    def _state(self) -> int:
        """Return what readers may know: READY, BEHIND, or 0 when it is the other one that takes no orders."""
        if clock.steady_ns() - self._follower.whole_ns > STALE_NS:
            return BEHIND
        return READY if self._follower.is_open else 0

    def _open(self, engine: Engine) -> None:
        """Show what has been followed, and take orders."""
        run, limits = self._run, endpoints
        orders = Pull(limits.ORDERS.limit)
        orders.bind(endpoints.address(limits.ORDERS, run))
        market = Publish(limits.MARKET.limit)
        market.bind(endpoints.address(limits.MARKET, run))
        instruments = len(engine.blocks["instruments"])
        words = shared.deep_requests(run, instruments), shared.queue_requests(run, instruments)
        self._doors = _Doors(
            orders, Outbox(None, market, to_waiters(run)), AskedBooks(engine, *words)
        )
        engine.publish()
        engine.blocks["status"]["heartbeat_ns"] = clock.wall_ns()
        self._life_there = self._follower.life
        self._life.announce(engine)
        self._life.service.ready(**self._facts())

    def _forward(self, doors: _Doors) -> None:
        """Hand over what workers ask for. What nobody takes ends there as status unknown."""
        for frame in doors.orders.drain(endpoints.ORDERS.limit):
            self._dropped += not self._wire.send(Frame(Word.COMMANDS, 0, body=frame).pack())

    def _tell(self, events: Rows) -> None:
        """Show and tell, in this order. What happened before anybody was here is told to nobody."""
        if self._doors is None or not len(events):
            return
        assert self._follower.engine
        self._follower.engine.publish()
        self._doors.outbox.tell(to_edge(events, self._follower.number))

    def _facts(self) -> dict[str, object]:
        """Return what the supervisor should know."""
        assert self._follower.engine
        assert self._doors
        status, outbox = self._follower.engine.blocks["status"][0], self._doors.outbox
        return {
            "role": "edge",
            "seq": int(status["seq"]),
            "event_seq": int(status["event_seq"]),
            "behind": max(0, self._follower.end_seq - self._follower.next_seq),
            "away": self._state() == BEHIND,
            "dropped_commands": self._dropped,
            "dropped_replies": outbox.dropped_replies,
        }


def serve(service: Service, settings: Settings) -> None:
    """Stand in for the exchange until told to stop."""
    # What the last life announced may be older than what clients were told since, also if this one cannot start.
    shared.withdraw(service.run)
    life = Life(service, replace(settings, journal=replace(settings.journal, sync="off")))
    lock = lock_of(life.folder)
    wire = _wire(settings)
    edge: Edge | None = None
    try:
        edge = Edge(life, wire)
        while not service.stopping:
            edge.turn()
        edge.close()
    except WrongVersion as error:
        raise BadConfiguration(str(error)) from error
    except (Diverged, CorruptJournal) as error:
        service.log.warning("the copy cannot be gone on with: %s", error or "it has another end")
        life.put_aside()
        life.clear_aside(KEPT_ASIDE)
    finally:
        if edge:
            edge.stand_back()
    life.end()
    lock.release()


def _wire(settings: Settings) -> Visitor:
    """Return the way to the exchange.

    Raises: BadConfiguration.
    """
    edge = settings.edge
    places, public = edge.source.split(","), edge.source_key.split(",")
    if len(places) != len(public) or not all(map(is_key, public)):
        raise BadConfiguration(
            "edge.source_key must be the public key of the exchange, one for each place in edge.source: "
            "`openbourse keys show` there tells it"
        )
    try:
        counters = [
            (key, place_of("edge.source", place)) for key, place in zip(public, places, strict=True)
        ]
        return Visitor(Keys(settings.curve_folder), counters, endpoints.GATE.limit)
    except (NoKeys, CannotListen) as error:
        raise BadConfiguration(str(error)) from error


def main() -> int:
    """Start the edge with the settings of the environment."""
    settings = load()
    return run(
        "edge",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings),
    )


if __name__ == "__main__":
    sys.exit(main())
