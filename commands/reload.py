"""`openbourse reload`: take what has changed in the settings, if all of it can change while the exchange runs.

The supervisor reads its configuration file anew; docs/operations.md tells which settings are live.
"""

import argparse
import json

from commands import Refused
from conf.settings import load
from runtime import audit
from supervision.control import NotAsked, ask

_PATIENCE_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `reload`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Ask the supervisor and wait until it is done.

    Raises: Refused.
    """
    asked = {"word": "reload", "who": audit.user()}
    try:
        told = ask(load().data_dir, asked, _PATIENCE_S)
    except NotAsked as why:
        raise Refused(str(why)) from why
    print(json.dumps({"told": told}) if args.json else told)
    return 0
