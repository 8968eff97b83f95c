"""The comparison of the engines can fail: a broken engine is found, and the stream shrunk."""

import pytest

from protocol.terms import EventKind
from tests import fuzz
from tests.engines import core


class Forgetful:
    """A compiled exchange that does not tell how an amended order's quantity came out."""

    def __init__(self, capacities):
        self._engine = core(capacities)
        self.blocks = self._engine.blocks

    def apply(self, commands):
        events, done = self._engine.apply(commands)
        events = events.copy()
        events["order_qty"][events["kind"] == EventKind.REPLACED] = 0
        return events, done


@pytest.fixture
def broken_core(monkeypatch):
    monkeypatch.setattr("tests.fuzz.core", Forgetful)
    monkeypatch.setattr("tests.comparison.core", Forgetful)
    monkeypatch.setattr("tests.fuzz.check", lambda _engine: [])


def test_a_difference_is_told_with_seed_and_shortest_stream(broken_core):
    with pytest.raises(AssertionError) as found:
        fuzz.play_stream(7, 2_000)
    text = str(found.value)
    assert text.startswith("seed 7, Capacities(")
    assert "order_qty" in text.splitlines()[-1]
    commands = [line.split()[0] for line in text.splitlines()[1:] if line[:1].isupper()]
    assert commands[-1] == "AMEND"
    assert len(commands) < 40


def test_the_command_line_fails_with_the_difference(broken_core, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["fuzz", "--seconds", "30", "--seed", "7"])
    assert fuzz.main() == 1
    assert capsys.readouterr().out.startswith("seed 7, ")


def test_the_command_line_counts_what_it_played(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["fuzz", "--seconds", "0.01", "--seed", "7"])
    assert fuzz.main() == 0
    assert capsys.readouterr().out.endswith("commands of 1 streams from seed 7: no difference\n")


def test_broken_books_are_told_with_the_seed(monkeypatch):
    monkeypatch.setattr("tests.fuzz.faults", lambda _venue: ["a balance is negative"])
    with pytest.raises(AssertionError, match=r"seed 3, command .*a balance is negative"):
        fuzz.play_stream(3, 100)


def test_the_audit_sees_each_kind_of_damage():
    from tests.audit import faults
    from tests.command_stream import CommandStream

    stream = CommandStream(11)
    while not stream.reference.venue.orders:
        stream.next_chunk()
    venue = stream.reference.venue
    assert faults(venue) == []
    order = next(iter(venue.orders.values()))
    balance = order.account.balance(0)
    for damage, sign in (("free", 1), ("locked", 1), ("free", -1)):
        before = getattr(balance, damage)
        setattr(balance, damage, before + 1 if sign > 0 else -1)
        assert faults(venue)
        setattr(balance, damage, before)
    order.leaves_qty, kept = 0, order.leaves_qty
    assert faults(venue)
    order.leaves_qty = kept
    assert faults(venue) == []
