"""Hold the compiled core against the slow exchange: the same commands, the same bytes of events."""

from collections.abc import Iterator
from random import Random

import numpy as np

from matcher.core.state import Capacities
from protocol.layout import Rows
from protocol.records import Event
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind
from tests.desk import apply_all
from tests.engines import core, reference


def batches(commands: Rows, rng: Random) -> Iterator[Rows]:
    """Cut commands into batches of all sizes: nothing may depend on the cuts."""
    start = 0
    while start < len(commands):
        size = rng.choice([1, 1, 2, 5, 17, 64])
        yield commands[start : start + size]
        start += size


def first_difference(expected: Rows, found: Rows) -> str:
    """Describe the first event that differs; "": none does."""
    shared = min(len(expected), len(found))
    same = expected[:shared].tobytes() == found[:shared].tobytes()
    if same and len(expected) == len(found):
        return ""
    place = shared
    if not same:
        rows = zip(expected[:shared], found[:shared], strict=True)
        place = next(n for n, (one, other) in enumerate(rows) if one.tobytes() != other.tobytes())
    one = expected[place] if place < len(expected) else None
    other = found[place] if place < len(found) else None
    return "\n".join([f"event {place + 1} differs:", *_both(one, other)])


def _both(one: np.void | None, other: np.void | None) -> Iterator[str]:
    yield f"  reference: {event_text(one)}"
    yield f"  core:      {event_text(other)}"
    if one is not None and other is not None:
        for name, _ in Event.fields:
            if one[name] != other[name]:
                yield f"    {name}: {one[name]!r} in the reference, {other[name]!r} in the core"


def event_text(event: np.void | None) -> str:
    """Write the fields of an event that are not 0."""
    if event is None:
        return "no further event"
    given = {name: event[name].item() for name, _ in Event.fields if event[name]}
    kind = EventKind(given.pop("kind")).name
    if "reason" in given and kind != EventKind.EXPIRED.name:
        given["reason"] = RejectReason(given["reason"]).name
    return f"{kind} {given}"


def command_text(command: np.void) -> str:
    """Write the fields of a command that are not 0, as a keyword call of `Desk.ask`."""
    names = [name for name in command.dtype.names or () if name not in ("seq", "kind")]
    given = {name: command[name].item() for name in names if command[name]}
    kind = int(command["kind"])
    known = kind in list(CommandKind)
    return f"{CommandKind(kind).name if known else kind} {given}"


def compare(commands: Rows, capacities: Capacities) -> str:
    """Play commands on two fresh exchanges, one by one; describe the first difference."""
    slow, fast = reference(capacities), core(capacities)
    for place in range(len(commands)):
        one = commands[place : place + 1]
        difference = first_difference(apply_all(slow, one), apply_all(fast, one))
        if difference:
            return f"command {place + 1}, {command_text(one[0])}\n{difference}"
    return ""


def shortest(commands: Rows, capacities: Capacities) -> Rows:
    """Leave out what the difference does not need: large pieces first, then ever smaller ones."""
    kept = commands
    size = len(kept) // 2
    while size:
        before = len(kept)
        place = 0
        while place < len(kept):
            rest = np.concatenate([kept[:place], kept[place + size :]])
            if compare(rest, capacities):
                kept = rest
            else:
                place += size
        if len(kept) == before or size > 1:
            size //= 2
    return kept
