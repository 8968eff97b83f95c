"""`openbourse fee-tier TIER MAKER TAKER`: which share of an instrument's fees the accounts of a tier pay (R-4)."""

import argparse

from commands import Refused, phase
from commands.desk import Desk
from conf.settings import load
from matcher.core.rows import FEE_TIERS
from protocol.terms import CommandKind

FULL = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `fee-tier`."""
    parser.add_argument("tier", type=int)
    parser.add_argument(
        "maker", type=int, help=f"share of the maker fee in bips; {FULL}: all of it"
    )
    parser.add_argument("taker", type=int, help="share of the taker fee in bips")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Set the shares; 0 when they hold.

    Raises: Refused.
    """
    check_tier(args.tier)
    for name in ("maker", "taker"):
        share = getattr(args, name)
        if not 0 <= share <= FULL:
            raise Refused(f"the {name} share is {share}; 0 to {FULL} bips are allowed")
    with Desk(load().data_dir) as desk:
        desk.ask(
            {
                "kind": CommandKind.SET_FEE_TIER,
                "term": args.tier,
                "price": args.maker,
                "order_qty": args.taker,
            }
        )
    told = {"tier": args.tier, "maker": args.maker, "taker": args.taker}
    return phase.tell(told, as_json=args.json)


def check_tier(tier: int) -> None:
    """Look whether there can be such a tier, before it is put into a command.

    Raises: Refused.
    """
    if not 0 <= tier < FEE_TIERS:
        raise Refused(f"the tier is {tier}; 0 to {FEE_TIERS - 1} are allowed")
