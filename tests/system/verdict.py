"""What must hold after whatever was done to an exchange, between clients, database, journal and matcher."""

from collections.abc import Iterable, Mapping

from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import replay_into
from protocol.layout import Rows
from runtime.durable import DurableReader
from runtime.replay import JournalReader
from tests.system.exchange_fixture import Exchange
from writer.reconcile import reconcile
from writer.store import connect


def faults_of(venue: Exchange, prefix: str, acknowledged: Mapping[str, int]) -> list[str]:
    """Say what is wrong with the running exchange; nothing, if all is well.

    `acknowledged` and `prefix` as `faults_of_orders` has them.
    """
    faults = faults_of_orders(venue, prefix, acknowledged)
    faults += venue.asked("journal", "verify", "--deep")["faults"]
    with connect(venue.dsn(), 60) as connection:
        compared = reconcile(connection, events_of_a_replay(venue))
    if not compared.agrees:
        faults.append(f"the database and the journal differ: {compared.differences}")
    return faults


def faults_of_orders(venue: Exchange, prefix: str, acknowledged: Mapping[str, int]) -> list[str]:
    """Say what is wrong between what clients were told and the books of record.

    `acknowledged`: the text ids, all beginning with `prefix`, that clients were told to be taken, with
    their order ids (0: told only that it is there already).
    """
    venue.until(venue.is_written, "the writer has caught up", 120)
    with venue.database() as database:
        kept = database.execute(
            "select cl_ord_id, order_id from orders where cl_ord_id like %s", (f"{prefix}%",)
        ).fetchall()
        money = database.execute(
            "select asset, sum(free + locked) from balances group by asset order by asset"
        ).fetchall()
        deposits = database.execute(
            "select asset, sum(amount) from transfers group by asset order by asset"
        ).fetchall()
    found = dict(kept)
    faults = []
    if len(kept) != len(found):
        faults.append(f"{len(kept) - len(found)} orders were entered twice")
    if lost := set(acknowledged) - set(found):
        faults.append(f"{len(lost)} acknowledged orders were lost: {_some(lost)}")
    others = {
        text_id
        for text_id, told in acknowledged.items()
        if text_id in found and told not in (0, found[text_id])
    }
    if others:
        faults.append(
            f"{len(others)} orders are other ones than clients were told: {_some(others)}"
        )
    if money != deposits:
        faults.append(f"balances add up to {money}, deposits to {deposits}")
    return faults


def events_of_a_replay(venue: Exchange) -> list[Rows]:
    """Replay the running exchange's journal from its first command and return all events."""
    folder = venue.data_dir / "journal"
    engine = Engine(capacity.recorded(folder), private_memory)
    events: list[Rows] = []
    replay_into(
        engine,
        DurableReader(JournalReader(folder), venue.run).read(),
        take=lambda rows: events.append(rows.copy()),
    )
    return events


def _some(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts)[:5])
