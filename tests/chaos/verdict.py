"""What must hold after a season: between what clients were told, the books, the journal and a clean replay."""

import json

from protocol.terms import OrdStatus
from tests.chaos.house import House
from tests.chaos.load import Told
from tests.system.verdict import faults_of_orders

PREFIX = "c"
"""All text ids of clients begin with it."""


def faults_while_it_runs(house: House, told: Told) -> list[str]:
    """Say what is wrong with the exchange, which has no client now; nothing, if all is well."""
    venue = house.venue
    venue.until(house.is_whole, "all processes are back", 60)
    faults = faults_of_orders(venue, PREFIX, told.acknowledged)
    with venue.database() as database:
        found = database.execute(
            "select cl_ord_id from orders where cl_ord_id = any(%s) and ord_status <> %s",
            (list(told.cancelled), int(OrdStatus.CANCELED)),
        ).fetchall()
    if found:
        faults.append(f"{len(found)} cancels were acknowledged and did not happen: {found[0][0]}")
    verified = venue.asked("journal", "verify", "--deep", "--against-db")
    return faults + list(verified["faults"])


def faults_at_rest(house: House) -> list[str]:
    """Say what is wrong with the exchange, which was stopped in good order."""
    lived = json.loads((house.journal / "stopped.json").read_text())
    replayed = house.venue.asked("journal", "digest")
    if replayed != {**lived, "live": False}:
        return [f"the matcher ended as {lived}, a clean replay gives {replayed}"]
    return []
