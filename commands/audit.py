"""`openbourse audit`: who did what to the exchange and when; the chain of the trail is checked."""

import argparse
import json

from commands import Refused
from conf.settings import load
from runtime.audit import DamagedTrail, entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `audit`."""
    parser.add_argument("--limit", type=int, default=50, help="the newest so many (50)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the newest deeds, oldest first; 0 when the trail is whole.

    Raises: Refused when a line is not what was written.
    """
    try:
        found = list(entries(load().data_dir))
    except DamagedTrail as error:
        raise Refused(str(error)) from error
    shown = found[max(0, len(found) - max(0, args.limit)) :]
    for entry in shown:
        entry.pop("after")
    if args.json:
        print(json.dumps({"deeds": len(found), "entries": shown}))
        return 0
    for entry in shown:
        asked = " ".join(f"{name}={value}" for name, value in entry["asked"].items())
        print(
            f"{entry['at']} {entry['who']}: {entry['what']} {asked} -> {entry['outcome']} (seq {entry['seq']})"
        )
    return 0
