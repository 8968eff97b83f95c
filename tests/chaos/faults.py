"""What is done to the exchange, each with the condition that tells that it is over."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.chaos import broken
from tests.chaos.house import PROGRAMS, House

Over = Callable[[], bool]
PAUSE_S = 1.0
FULL_S = 1.0
UNMOVED = "no process ended"


@dataclass(frozen=True)
class Fault:
    """`strike` does it and returns what tells that the exchange is as before."""

    name: str
    strike: Callable[[House, random.Random], Over]
    kills: int = 0
    """How many processes it kills."""
    hits_matcher: bool = False
    """Whether it is told how long it takes until an order is taken again."""
    leaves_next: bool = False
    """Whether a matcher is killed and one that waits behind it lives: then that time is promised."""
    outcome: str = "all back"
    """What it means that it is over, besides that nothing was lost."""


def kill(victims: Sequence[str], house: House, dice: random.Random) -> Over:
    """Kill processes, all at once; over when others have taken their places."""
    gone = {house.pid(victim) for victim in victims}
    assert 0 not in gone, victims
    for pid in gone:
        os.kill(pid, signal.SIGKILL)
    return lambda: not gone & house.pids() and house.is_whole()


def pause(victim: str, house: House, dice: random.Random) -> Over:
    """Let a process stand still for a second; with a standby the matcher is ended for that."""
    pid = house.pid(victim)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return house.is_whole


def kill_backend(house: House, dice: random.Random) -> Over:
    """Kill a process of PostgreSQL that serves the writer or a reader: it then starts anew, all of it."""
    with house.venue.database() as database:
        asked = "select pid from pg_stat_activity where backend_type = 'client backend'"
        found = database.execute(f"{asked} and pid <> pg_backend_pid()").fetchall()
        begun = database.execute("select pg_postmaster_start_time()").fetchone()
    assert begun
    os.kill(dice.choice(found)[0], signal.SIGKILL)
    return lambda: _is_served(house) and house.is_whole()


def _is_served(house: House) -> bool:
    with suppress(Exception), house.venue.database() as database:
        return database.execute("select 1").fetchone() == (1,)
    return False


def restart_postgres(house: House, dice: random.Random) -> Over:
    """Let PostgreSQL end in good order, as an operator would, and be started again."""
    pid = house.pid("postgres")
    os.kill(pid, signal.SIGINT)
    return lambda: house.pid("postgres") not in (0, pid) and house.is_whole()


def restart_valkey(house: House, dice: random.Random) -> Over:
    """Kill Valkey, which forgets everything, and start it again after a second."""
    house.valkey.kill()
    time.sleep(PAUSE_S)
    house.valkey.start()
    return lambda: not house.facts("relay")["away"] and house.is_whole()


def fill_disk(house: House, dice: random.Random) -> Over:
    """Leave the journal no room; orders are refused until there is some."""
    _fill(house)
    time.sleep(FULL_S)
    house.give_room()
    return house.is_whole


def kill_on_a_full_disk(house: House, dice: random.Random) -> Over:
    """Kill the matcher while its journal has no room; it comes back, at the latest when there is some."""
    _fill(house)
    over = kill(("matcher",), house, dice)
    time.sleep(FULL_S)
    house.give_room()
    return over


def _fill(house: House) -> None:
    refused = house.told.full
    house.fill_disk()
    house.venue.until(lambda: house.told.full > refused, "orders are refused with -1008", 30)


def break_http(house: House, dice: random.Random) -> Over:
    """Send nonsense to the REST door."""
    return _unmoved(house, lambda: broken.send_all(house.door, broken.http_nonsense(dice)))


def break_streams(house: House, dice: random.Random) -> Over:
    """Send broken frames, and no frames at all, to the door of the streams."""
    door = house.streams

    def send() -> None:
        broken.send_all(door, broken.frame_nonsense(dice, door, "/ws/btcusdt@trade"))
        broken.send_all(door, broken.http_nonsense(dice))

    return _unmoved(house, send)


def break_ws_api(house: House, dice: random.Random) -> Over:
    """Send broken frames to the WebSocket API."""
    several = broken.frame_nonsense(dice, house.door, "/ws-api/v3")
    return _unmoved(house, lambda: broken.send_all(house.door, several))


def _unmoved(house: House, send: Callable[[], object]) -> Over:
    """Send something that no process may die of."""
    before = _lives(house)
    send()
    assert _lives(house) == before, f"processes were {before}, are {_lives(house)}"
    return house.is_whole


def _lives(house: House) -> list[tuple[str, int, list[int]]]:
    found = house.venue.status()["processes"]
    return [(one["name"], one["pid"], one["workers"]) for one in found]


def kill_supervisor(house: House, dice: random.Random) -> Over:
    """Kill the supervisor, with which all others end, and start the exchange again."""
    assert house.venue.child is not None
    house.venue.child.kill()
    house.venue.child.wait()
    house.venue.start()
    return house.is_whole


def killing(*victims: str) -> Fault:
    """Return the fault that kills these processes."""
    word = " and ".join(filter(None, (", ".join(victims[:-1]), victims[-1])))
    hits = "matcher" in victims
    leaves = hits and not {"spare", "standby"} & set(victims)
    strike = partial(kill, victims)
    return Fault(f"kill {word}", strike, len(victims), hits_matcher=hits, leaves_next=leaves)


def pausing(victim: str) -> Fault:
    """Return the fault that pauses a process."""
    strike = partial(pause, victim)
    return Fault(f"pause {victim}", strike, hits_matcher=victim == "matcher")


SINGLE = (
    *(killing(name) for name in PROGRAMS), killing("ingress worker"),
    Fault("kill a backend of postgres", kill_backend, 1),
)  # fmt: skip
ALL = (*PROGRAMS, "spare")
SEVERAL = (
    killing("matcher", "writer"),
    killing("ingress", "postgres"),
    killing("snapshotter", "broadcaster", "office", "relay"),
    Fault("kill all but the supervisor", partial(kill, ALL), len(ALL), hits_matcher=True),
)
PAUSES = tuple(
    pausing(name) for name in ("matcher", "writer", "ingress worker", "broadcaster", "postgres")
)
OTHERS = (
    Fault("restart postgres", restart_postgres),
    Fault("restart valkey", restart_valkey),
    Fault("broken bytes at the REST door", break_http, outcome=UNMOVED),
    Fault("broken frames at the streams", break_streams, outcome=UNMOVED),
    Fault("broken frames at the WebSocket API", break_ws_api, outcome=UNMOVED),
)
FULL_DISK = (
    Fault(
        "the journal's disk is full",
        fill_disk,
        hits_matcher=True,
        outcome="-1008, then taken again",
    ),
    Fault("kill matcher, its disk is full", kill_on_a_full_disk, 1, hits_matcher=True),
)
SUPERVISOR = Fault("kill the supervisor", kill_supervisor, 1 + len(ALL), hits_matcher=True)
SPARE = (killing("spare"), killing("matcher", "spare"))
STANDBY = (killing("standby"), killing("matcher", "standby"))
