"""`openbourse reload`: take what has changed in the settings, if all of it can change while the exchange runs.

The supervisor reads its configuration file anew; docs/operations.md tells which settings are live.
"""

import argparse

from commands.wishes import wish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `reload`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Ask the supervisor and wait until it is done.

    Raises: Refused.
    """
    return wish("reload", as_json=args.json)
