"""The gate and those who come to it: what an edge gets, what it may hand in, and who hears the answers."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matcher import capacity, follower, gate, replicas, shipping
from matcher.core.engine import Engine
from matcher.follower import Diverged, Follower
from matcher.gate import AHEAD_NS, ENTERED, Gate
from matcher.shipping import Source
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind
from runtime import endpoints
from runtime.endpoints import EDGES, REPLY_SLOTS, WrongFrame, frame_of, from_edge, rows_in, to_edge
from runtime.replica_frames import Frame, Word, unpack
from runtime.segments import RECORD
from tests.test_recovery import POLICY, SMALL, Exchange
from tests.test_replicas import MS, PEER, FakeClock, Line, PrimaryEnd, StandbyEnd

LOG = logging.getLogger("test")
COPY = 77
LIFE = 5
"""The matcher that the gate knows at first."""


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (replicas, follower, gate):
        monkeypatch.setattr(module, "clock", clock)
    return clock


class Orders:
    """The sending end of the orders wire."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.is_full = False

    def send(self, frame: bytes) -> bool:
        if not self.is_full:
            self.frames.append(frame)
        return not self.is_full

    def close(self, linger_ms: int = 0) -> None:
        """Nothing to close."""


class Hosts:
    """An exchange behind a gate, and the copy of an edge."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.clock = clock
        self.chance = random.Random(1)
        self.exchange = Exchange(folder / "exchange")
        self.line, self.orders = Line(clock), Orders()
        self.shown = self.exchange.journal.next_seq
        """Before this command everything is applied at the exchange."""
        self.is_open = True
        self.gate = self.make_gate()
        self.folder = folder / "copy" / "journal"
        self.told: list[Rows] = []
        self.edge = Follower(
            LOG, StandbyEnd(self.line), self.folder, POLICY, COPY, self._make_engine,
            lambda events: self.told.append(events.copy()),
        )  # fmt: skip

    def make_gate(self) -> Gate:
        found = Gate(PrimaryEnd(self.line), self.orders, LOG)
        found.begin(self.source(), LIFE)
        return found

    def source(self) -> Source:
        capacities = (self.exchange.folder / capacity.FILE).read_bytes()
        journal_id = self.exchange.journal.place.head.journal_id
        return Source(self.exchange.folder, journal_id, 0, capacities)

    def _make_engine(self) -> Engine:
        return Engine(capacity.settle(self.folder, SMALL))

    def trade(self, batches: int = 1) -> None:
        self.exchange.trade(self.chance, batches)
        self.shown = self.exchange.journal.next_seq

    def live(self, milliseconds: int = 300) -> None:
        for _ in range(0, milliseconds, 10):
            self.clock.now_ns += 10 * MS
            self.edge.turn(0)
            self.gate.turn(self.shown, is_open=self.is_open)

    def say(self, frame: Frame) -> None:
        self.line.send_to_primary(frame.pack())
        self.gate.turn(self.shown, is_open=self.is_open)

    def hand_in(self, rows: Rows) -> None:
        self.say(Frame(Word.COMMANDS, 0, body=frame_of(Command, rows)))

    def check_copy(self) -> None:
        assert self.edge.engine
        assert self.edge.engine.digest() == self.exchange.engine.digest()


@pytest.fixture
def hosts(tmp_path: Path, time: FakeClock) -> Iterator[Hosts]:
    found = Hosts(tmp_path, time)
    yield found
    found.exchange.end()
    if found.edge.journal:
        found.edge.journal.close()


def commands(*kinds: int, slot: int = 3) -> Rows:
    rows = rows_of(Command, len(kinds))
    rows["kind"] = kinds
    rows["reply_to"] = slot
    return rows


def test_an_edge_has_the_state_and_the_events_of_the_exchange(hosts: Hosts) -> None:
    hosts.trade(20)
    hosts.live()
    hosts.check_copy()
    hosts.trade(20)
    hosts.live()
    hosts.check_copy()
    numbers = np.concatenate([events["event_seq"] for events in hosts.told])
    status = hosts.exchange.engine.blocks["status"]
    assert numbers.tolist() == list(range(1, int(status["event_seq"][0]) + 1))
    assert hosts.gate.facts() | {"behind": 0} == hosts.gate.facts()


def test_nothing_is_sent_that_is_not_shown_at_the_exchange(hosts: Hosts) -> None:
    hosts.trade(5)
    before = hosts.shown
    hosts.exchange.trade(hosts.chance, 1)
    hosts.live()
    assert hosts.edge.next_seq == before < hosts.exchange.journal.next_seq
    hosts.shown = hosts.exchange.journal.next_seq
    hosts.live()
    hosts.check_copy()


def test_an_edge_knows_when_it_has_everything_and_whether_orders_are_taken(hosts: Hosts) -> None:
    hosts.trade()
    hosts.live()
    assert hosts.edge.is_open
    assert hosts.clock.now_ns - hosts.edge.whole_ns < 100 * MS
    hosts.is_open = False
    hosts.live(100)
    assert not hosts.edge.is_open
    assert hosts.clock.now_ns - hosts.edge.whole_ns < 100 * MS
    hosts.line.cut = True
    hosts.live(2000)
    assert hosts.clock.now_ns - hosts.edge.whole_ns > 1900 * MS
    hosts.trade(3)
    hosts.line.cut, hosts.is_open = False, True
    hosts.live()
    assert hosts.edge.is_open
    assert hosts.clock.now_ns - hosts.edge.whole_ns < 100 * MS
    hosts.check_copy()


def test_an_edge_hears_of_another_matcher_when_it_has_all_that_the_one_before_did(
    hosts: Hosts,
) -> None:
    hosts.trade(5)
    hosts.live()
    assert hosts.edge.life == LIFE
    # The last words of one that dies: they are durable, and no gate has seen them.
    hosts.exchange.trade(hosts.chance, 5)
    hosts.live()
    hosts.gate.begin(hosts.source(), LIFE + 1)
    hosts.shown = hosts.exchange.journal.next_seq
    seen = []
    for _ in range(30):
        hosts.live(10)
        seen.append((hosts.edge.next_seq < hosts.shown, hosts.edge.life))
    assert seen[0] == (True, LIFE)
    assert set(seen) <= {(True, LIFE), (False, LIFE), (False, LIFE + 1)}
    assert seen[10] == (False, LIFE + 1), "a tenth of a second is enough"
    hosts.check_copy()


def test_a_matcher_that_takes_no_orders_yet_is_not_another_one_yet(hosts: Hosts) -> None:
    hosts.live()
    hosts.gate.begin(hosts.source(), LIFE + 1)
    hosts.is_open = False
    hosts.live()
    assert hosts.edge.life == LIFE
    hosts.is_open = True
    hosts.live()
    assert hosts.edge.life == LIFE + 1


def test_an_edge_follows_the_next_matcher_without_asking_and_loses_no_command(
    hosts: Hosts,
) -> None:
    hosts.trade(20)
    hosts.live()
    hosts.gate.begin(hosts.source(), LIFE + 1)
    hosts.hand_in(commands(CommandKind.ENTER))
    assert len(hosts.orders.frames) == 1
    for _ in range(50):
        hosts.trade()
        hosts.clock.now_ns += 10 * MS
        hosts.edge.turn(0)
        assert not [one for _, one in hosts.line.to_primary if unpack(one).word is Word.ASK]
        hosts.gate.turn(hosts.shown, is_open=True)
    hosts.live(20)
    hosts.check_copy()


def test_an_edge_whose_copy_the_next_matcher_does_not_have_is_told_so(
    hosts: Hosts, tmp_path: Path
) -> None:
    hosts.trade(5)
    hosts.live()
    hosts.exchange.end()
    hosts.exchange = Exchange(tmp_path / "another")
    hosts.trade(5)
    hosts.gate.begin(hosts.source(), LIFE + 1)
    with pytest.raises(Diverged):
        hosts.live()


def test_an_edge_that_confirms_nothing_is_sent_no_more_because_matchers_change(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "WINDOW", 50 * RECORD)
    monkeypatch.setattr(shipping, "PIECE", 10 * RECORD)
    hosts.live()
    hosts.trade(30)

    def sent() -> int:
        for _ in range(100):
            hosts.gate.turn(hosts.shown, is_open=True)
        hosts.line.to_primary.clear()
        frames = [unpack(one) for one in hosts.line.to_standby]
        return sum(len(one.body) for one in frames if one.word is Word.BATCHES)

    before = sent()
    assert 0 < before < (hosts.shown - 1) * RECORD
    for life in (1, 2, 3):
        hosts.gate.begin(hosts.source(), LIFE + life)
        assert sent() == before
    hosts.live()
    hosts.check_copy()


def test_commands_of_an_edge_wait_for_their_answers_there_and_nowhere_else(hosts: Hosts) -> None:
    hosts.live()
    number = hosts.edge.number
    assert 0 < number <= EDGES
    hosts.hand_in(commands(CommandKind.ENTER, CommandKind.CANCEL))
    (frame,) = hosts.orders.frames
    taken = rows_in(Command, frame)
    # The outbox of the matcher tells slots below REPLY_SLOTS.
    assert (taken["reply_to"] == number * REPLY_SLOTS + 3).all()
    events = rows_of(Event, 4)
    events["reply_to"] = [0, 3, number * REPLY_SLOTS + 3, (number + 1) * REPLY_SLOTS + 3]
    assert to_edge(events, number)["reply_to"].tolist() == [0, 0, 3, 0]


@pytest.mark.parametrize("kind", [kind for kind in CommandKind if kind not in ENTERED])
def test_what_is_the_business_of_the_exchange_is_not_taken_from_an_edge(
    hosts: Hosts, kind: CommandKind
) -> None:
    hosts.live()
    hosts.hand_in(commands(CommandKind.ENTER, kind))
    assert hosts.orders.frames == []
    assert hosts.gate.refused_commands == 1


def test_an_edge_can_name_no_waiter_of_another_one(hosts: Hosts) -> None:
    hosts.live()
    hosts.hand_in(commands(CommandKind.ENTER, slot=REPLY_SLOTS))
    hosts.say(Frame(Word.COMMANDS, 0, body=b"no commands"))
    assert hosts.orders.frames == []
    assert hosts.gate.refused_commands == 2
    with pytest.raises(WrongFrame):
        from_edge(commands(CommandKind.ENTER, slot=REPLY_SLOTS), 1)


def test_who_has_not_asked_can_hand_in_nothing(hosts: Hosts) -> None:
    hosts.hand_in(commands(CommandKind.ENTER))
    hosts.line.send_to_primary(b"noise")
    hosts.gate.turn(hosts.shown, is_open=True)
    assert hosts.orders.frames == []


def test_a_full_wire_to_the_matcher_drops_what_edges_hand_in(hosts: Hosts) -> None:
    hosts.live()
    hosts.orders.is_full = True
    hosts.hand_in(commands(CommandKind.ENTER))
    assert hosts.gate.dropped_commands == 1


def test_an_edge_that_takes_nothing_is_forgotten_and_comes_back(hosts: Hosts) -> None:
    hosts.trade(5)
    hosts.live()
    hosts.line.gone = True
    hosts.trade(5)
    hosts.live(100)
    assert hosts.gate.facts()["edges"] == 0
    hosts.line.gone = False
    hosts.live()
    assert hosts.gate.facts()["edges"] == 1
    hosts.check_copy()


class Crowd(PrimaryEnd):
    """The bound end of a wire with many at the other ends, all of whom take what is sent."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(Line(clock))
        self.welcomes: dict[bytes, int] = {}

    def send(self, peer: bytes, frame: bytes) -> bool:
        said = unpack(frame)
        if said.word is Word.WELCOME:
            self.welcomes[peer] = said.copy_id
        return True

    def say(self, gate: Gate, peer: bytes, frame: Frame) -> int:
        """Say something, and return the number in the welcome that follows; 0: there is none."""
        self._line.to_primary.append((peer, frame.pack()))
        gate.turn(1, is_open=True)
        return self.welcomes.pop(peer, 0)


def test_an_edge_keeps_its_number_and_none_has_that_of_another(hosts: Hosts, caplog) -> None:
    crowd = Crowd(hosts.clock)
    gate = Gate(crowd, hosts.orders, LOG)
    gate.begin(hosts.source(), LIFE)
    copies = range(1, EDGES + 1)
    numbers = [crowd.say(gate, b"%d" % one, Frame(Word.ASK, 1, copy_id=one)) for one in copies]
    assert sorted(numbers) == list(range(1, EDGES + 1))
    # A connection made anew is another peer with the same copy.
    assert crowd.say(gate, b"5 again", Frame(Word.ASK, 1, copy_id=5)) == numbers[4]
    # One more only when one has left.
    for _ in range(50):
        assert crowd.say(gate, b"new", Frame(Word.ASK, 1, copy_id=1000)) == 0
    told = [one for one in caplog.messages if "one edge too many" in one]
    assert len(told) == 1, "it asks ten times a second"
    assert crowd.say(gate, b"9", Frame(Word.LEAVE, 1)) == 0
    assert crowd.say(gate, b"new", Frame(Word.ASK, 1, copy_id=1000)) == numbers[8]
    # The next gate leaves it the number that it had, for its requests may still be on their way.
    gate = Gate(crowd, hosts.orders, LOG)
    gate.begin(hosts.source(), LIFE)
    assert crowd.say(gate, b"a", Frame(Word.ASK, 1, epoch=17, copy_id=1)) == 17
    assert crowd.say(gate, b"b", Frame(Word.ASK, 1, epoch=17, copy_id=2)) == 18


def test_an_edge_may_be_ahead_by_the_rest_of_a_batch_but_not_for_long(hosts: Hosts) -> None:
    hosts.trade(3)
    hosts.live()
    # The gate has begun anew and sees a batch of which half is applied.
    hosts.gate = hosts.make_gate()
    hosts.shown -= 1
    hosts.live(AHEAD_NS // MS // 2)
    assert hosts.gate.facts()["edges"] == 0
    hosts.shown += 1
    hosts.live()
    assert hosts.gate.facts()["edges"] == 1
    hosts.check_copy()
    # One that stays ahead has what this exchange does not have.
    hosts.gate = hosts.make_gate()
    hosts.shown = 1
    with pytest.raises(Diverged):
        hosts.live(2 * AHEAD_NS // MS)


def test_one_that_was_ahead_long_ago_may_be_ahead_again_for_a_moment(hosts: Hosts) -> None:
    asks = [Frame(Word.ASK, hosts.shown + 1, copy_id=one) for one in range(1, 3 * EDGES)]
    for ask in asks:
        hosts.say(ask)
    assert len(hosts.gate._ahead_ns) == EDGES, "no more notes than there can be edges"
    hosts.clock.now_ns += 3600 * 1000 * MS
    hosts.say(asks[0])
    assert hosts.gate.facts()["edges"] == 0, "it was judged by what it said an hour ago"
    assert list(hosts.gate._ahead_ns) == [1]


def test_one_that_keeps_no_copy_is_no_edge(hosts: Hosts) -> None:
    hosts.say(Frame(Word.ASK, 1))
    assert hosts.gate.facts()["edges"] == 0
    assert hosts.line.peer == PEER
    assert endpoints.GATE in endpoints.WIRES
