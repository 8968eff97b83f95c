"""`openbourse keys create|show|trust|distrust|list`: who may take the market of this exchange over the wire.

A host that takes it makes its keys (`create`) and tells its public key; the exchange trusts that key by a name. The
exchange's own public key (`show`) stands in the other host's settings, `wire.source_key` or `edge.source_key`. Secret keys stay
where they were made. With `--edge` it is about those who take orders for the exchange, and get its whole journal.
"""

import argparse
import json

from commands import Refused
from conf.settings import load
from runtime import audit
from runtime.curve import EDGES, Keys, NoKeys, is_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `keys`."""
    parser.add_argument("deed", choices=["create", "show", "trust", "distrust", "list"])
    parser.add_argument("name", nargs="?", default="", help="of the host that is trusted")
    parser.add_argument("key", nargs="?", default="", help="with trust: its public key")
    parser.add_argument(
        "--edge",
        action="store_true",
        help="with trust, distrust, list: the hosts that take orders for this exchange",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Raises: Refused.
    """
    settings = load()
    keys = Keys(settings.curve_folder, EDGES) if args.edge else Keys(settings.curve_folder)
    try:
        told = _do(keys, args.deed, args.name, args.key)
    except NoKeys as why:
        raise Refused(str(why)) from why
    if args.deed in ("create", "trust", "distrust"):
        about = {"name": args.name, "key": args.key or told.get("public", ""), "edge": args.edge}
        audit.note(settings.data_dir, f"keys {args.deed}", about, "done")
    print(json.dumps(told) if args.json else "\n".join(f"{one}: {told[one]}" for one in told))
    return 0


def _do(keys: Keys, deed: str, name: str, key: str) -> dict[str, str]:
    if deed == "create":
        return {"public": keys.make()}
    if deed == "show":
        return {"public": keys.own()[0].decode()}
    if deed == "list":
        return dict(keys.trusted())
    if not name or not name.isprintable():
        raise Refused(f"keys {deed} needs a name")
    if deed == "distrust":
        if name not in keys.trusted():
            raise Refused(f"{name} is not trusted; {', '.join(keys.trusted()) or 'nobody'} is")
        keys.distrust(name)
        return {"name": name}
    if not is_key(key):
        raise Refused(
            "keys trust NAME KEY needs a public key of 40 characters, as `keys show` tells it"
        )
    keys.trust(name, key)
    return {"name": name, "public": key}
