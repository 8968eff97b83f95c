"""`openbourse admin-key create|list|revoke`: who may use the admin API, each with a key of his own.

Keys lie as digests in `DATA_DIR/admin_keys.json` (mode 0600): the key itself is shown once.
"""

import argparse
import json

from commands import Refused
from conf.settings import load
from office import admin_keys
from runtime import audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `admin-key`."""
    parser.add_argument("deed", choices=["create", "list", "revoke"])
    parser.add_argument(
        "name", nargs="?", default="", help="whose key; the audit trail says this name"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Raises: Refused.
    """
    folder = load().data_dir
    if args.deed != "list" and not (args.name and args.name.isprintable()):
        raise Refused(f"admin-key {args.deed} needs a name")
    told: dict[str, object] = {"name": args.name}
    try:
        if args.deed == "list":
            told = {"names": admin_keys.names(folder)}
        elif args.deed == "create":
            told["key"] = admin_keys.create(folder, args.name)
        else:
            admin_keys.revoke(folder, args.name)
    except (admin_keys.WrongName, admin_keys.Damaged) as error:
        raise Refused(str(error)) from error
    if args.deed != "list":
        audit.note(folder, f"admin key {args.deed}", {"name": args.name}, "done")
    print(
        json.dumps(told)
        if args.json
        else "\n".join(f"{key}: {value}" for key, value in told.items())
    )
    return 0
