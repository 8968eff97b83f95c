"""Hurt a real exchange under real clients: `make chaos MINUTES=5`, or `python -m tests.chaos --minutes 5`.

Three seasons: a matcher alone, with a standby, and with the journal on a small disk that fills up. In each
clients trade all the time while processes are killed and paused, databases restarted and doors fed nonsense; after
each everything that anyone was told is held against the books, the journal and a clean replay. A table says
what was done and what became of it; the exit status whether everything held.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos import faults
from tests.chaos.faults import Fault
from tests.chaos.house import House, NoSmallDisk, wait_until
from tests.chaos.neighbours import Neighbours
from tests.chaos.record import Record, Strike
from tests.chaos.verdict import faults_at_rest, faults_while_it_runs

CALM_S = (0.2, 0.5)
"""Between the end of a fault and the next one."""
WARM_S = 2.0
"""Clients trade alone at the begin of a season: what nothing is in the way of."""
PATIENCE_S = 90.0
PROMISED_S, PROMISED_BESIDE_S = 2.0, 1.0
"""From the kill of a matcher, without and with a standby, to the first order that is taken."""
ALONE = (*faults.SINGLE, *faults.SPARE, *faults.SEVERAL, *faults.PAUSES, *faults.OTHERS)
BESIDE = (*faults.SINGLE, *faults.STANDBY, *faults.PAUSES, *faults.OTHERS)


def strike(house: House, fault: Fault, dice: random.Random) -> Strike:
    """Let one fault happen and wait until it is over."""
    neighbours = Neighbours()
    begun = time.monotonic()
    over = fault.strike(house, dice)
    taken = house.knock() if fault.hits_matcher else 0.0
    share = neighbours.share()
    promised = (PROMISED_BESIDE_S if house.standby else PROMISED_S) if fault.leaves_next else 0.0
    house.venue.until(over, f"over: {fault.name}", PATIENCE_S)
    ended = time.monotonic()
    house.check_clients()
    return Strike(
        fault.name,
        begun,
        ended,
        taken,
        fault.kills,
        fault.outcome,
        promised_s=promised,
        crowd=share,
    )


def season(house: House, plan: Sequence[Fault], seconds: float, record: Record) -> None:
    """Trade and strike for so long; 0: once through the plan."""
    dice = record.dice
    house.open()
    begun = time.monotonic()
    wait_until(begun + WARM_S)
    record.calm(begun, time.monotonic())
    waiting: list[Fault] = []
    rounds = 0
    while waiting or not rounds if not seconds else time.monotonic() < begun + seconds:
        if not waiting:
            rounds += 1
            waiting = list(plan)
            dice.shuffle(waiting)
        record.add(strike(house, waiting.pop(), dice))
        calm = time.monotonic()
        wait_until(calm + dice.uniform(*CALM_S))
        record.calm(calm, time.monotonic())


def finish(house: House, record: Record) -> None:
    """Let the clients come home, hold everything against everything, and stop the exchange."""
    house.close()
    record.end_season(house.told)
    record.found += faults_while_it_runs(house, house.told)
    house.clients.clear()
    assert house.venue.stop() == 0
    record.found += faults_at_rest(house)
    if not record.found:
        record.notes.append(
            f"{record.season}: every acknowledged order is there once, every acknowledged cancel happened; "
            "`openbourse journal verify --deep --against-db` finds nothing; the matcher's digest at its "
            "stop is that of a clean replay"
        )


def alone(house: House, seconds: float, record: Record) -> None:
    """One matcher, which is started again."""
    house.start(standby=False)
    season(house, ALONE, seconds, record)
    record.add(strike(house, faults.SUPERVISOR, record.dice))
    finish(house, record)


def with_standby(house: House, seconds: float, record: Record) -> None:
    """A second matcher stands by."""
    house.start(standby=True)
    season(house, BESIDE, seconds, record)
    finish(house, record)


def on_a_small_disk(house: House, seconds: float, record: Record) -> None:
    """The journal's disk fills up."""
    try:
        house.put_journal_on_a_small_disk()
    except NoSmallDisk as why:
        record.notes.append(f"full disk: no small one can be mounted here ({why})")
        return
    house.start(standby=False)
    season(house, faults.FULL_DISK, seconds, record)
    finish(house, record)


SEASONS: tuple[tuple[str, float, Callable[[House, float, Record], None]], ...] = (
    ("a matcher alone", 0.5, alone),
    ("with a standby", 0.42, with_standby),
    ("a small disk", 0.08, on_a_small_disk),
)
"""What each is called, its share of the time, and what it does."""


def run(folder: Path, minutes: float, clients: int, seed: int) -> Record:
    """Play all seasons, on one data directory; the record says what was done and found."""
    record = Record(random.Random(seed))
    house = House(folder, clients, seed)
    try:
        for name, share, play in SEASONS:
            record.season = name
            play(house, 60 * minutes * share, record)
            print(f"{name}: {record.kills} processes killed until now", file=sys.stderr, flush=True)
    except AssertionError as error:
        record.found.append(str(error))
    finally:
        house.wipe()
    return record


def main() -> int:
    """Hurt an exchange as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="of trading under faults (5)")
    parser.add_argument("--clients", type=int, default=12, help="accounts that trade (12)")
    parser.add_argument("--seed", type=int, default=1, help="which faults in which order (1)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="openbourse-chaos-") as folder:
        record = run(Path(folder), args.minutes, args.clients, args.seed)
    print("\n".join(record.table()))
    for line in record.found:
        print(f"FAULT: {line}")
    return 1 if record.found else 0


if __name__ == "__main__":
    sys.exit(main())
