"""`openbourse restart`: start running processes again, one after the other, while the exchange works.

`ingress` and `broadcaster` change without a request that fails; `office`, `writer`, `snapshotter`, `relay` and
`market` stop and start, and what they have to do waits for them.
"""

import argparse

from commands.wishes import wish


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
    return wish("restart", as_json=args.json, names=args.names)
