"""`openbourse restart`: start running processes again, one after the other, while the exchange works.

`ingress` and `broadcaster` change without a request that fails; `office`, `writer`, `snapshotter`, `relay` and
`market` stop and start, and what they have to do waits for them.
"""

import argparse
import json

from commands import Refused
from conf.settings import load
from runtime import audit
from supervision.control import NotAsked, ask

_PATIENCE_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `restart`."""
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="as `status` tells them; broadcaster: all of them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Ask the supervisor and wait until it is done.

    Raises: Refused.
    """
    asked = {"word": "restart", "names": args.names, "who": audit.user()}
    try:
        told = ask(load().data_dir, asked, _PATIENCE_S)
    except NotAsked as why:
        raise Refused(str(why)) from why
    print(json.dumps({"told": told}) if args.json else told)
    return 0
