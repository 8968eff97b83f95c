"""`openbourse lease`: which host's matcher is in charge; `--take`: let it be this one, whatever its copy has."""

import argparse
import json

from commands import Refused
from conf.settings import load
from matcher.recovery import journal_folder
from runtime.lease import Away, Lease, Standing, copy_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what follows `lease`."""
    parser.add_argument(
        "--take",
        action="store_true",
        help="this host's copy may be in charge next: to begin, or when the other host is lost for good",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print how the lease stands; 0 when it could be read, and given where that was asked for.

    Raises: Refused.
    """
    settings = load()
    if not settings.database.dsn:
        raise Refused(
            "the lease lies in the database that both hosts share: name it in database.dsn"
        )
    mine = copy_id(journal_folder(settings.data_dir))
    lease = Lease(settings.database.dsn)
    try:
        if args.take:
            lease.give(mine)
        standing = lease.standing()
    except Away as why:
        raise Refused(f"the database cannot be reached: {why}") from why
    finally:
        lease.close()
    told = _told(standing, mine)
    print(json.dumps(told) if args.json else _line(told))
    return 0


def _told(standing: Standing | None, mine: int) -> dict[str, object]:
    if standing is None:
        return {"epoch": 0, "this_host": "unknown", "may_take_over": False}
    if standing.holder == mine:
        this_host = "holder"
    else:
        this_host = "replica" if standing.replica == mine else "behind"
    return {
        "epoch": standing.epoch,
        "this_host": this_host,
        "may_take_over": mine in (standing.holder, standing.replica),
    }


def _line(told: dict[str, object]) -> str:
    may = "may" if told["may_take_over"] else "may not"
    return (
        f"epoch {told['epoch']}; this host: {told['this_host']}, its matcher {may} take the lease"
    )
