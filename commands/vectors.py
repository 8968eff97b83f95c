"""`openbourse vectors DIR`: play conformance vectors on the reference and on the compiled core.

A vector passes when both engines do what it expects. One that rests on a rule which is none of this
exchange's counts as skipped when they do not. The reference is part of the tests, not of the
installed package, so this word works in a checkout only.
"""

import argparse
import importlib
import json
import pathlib
import sys
from types import ModuleType

from commands import Refused

_CHECKOUT = pathlib.Path(__file__).resolve().parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Play conformance vectors on the slow reference and on the compiled core. "
        "Needs a checkout: the reference lives in tests/, which is not installed."
    )
    parser.add_argument(
        "folder", metavar="DIR", type=pathlib.Path, help="folder of vectors, one JSON file each"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def run(args: argparse.Namespace) -> int:
    """Play every vector of the folder; exit status 0 only when none failed.

    Raises: Refused when there are no vectors, or this is not a checkout.
    """
    player, engines = _from_the_tests("vector_player"), _from_the_tests("engines")
    vectors = player.read_vectors(args.folder) if args.folder.is_dir() else []
    if not vectors:
        raise Refused(f"no vectors (*.json) were found in {args.folder}; name the folder of them")
    passed, failures, skips = 0, [], []
    for vector in vectors:
        name = f"{vector['id']} {vector['name']}"
        foreign = player.foreign_rules(vector)
        found = [
            f"{engine}: {difference}"
            for engine, make in engines.ENGINES.items()
            for difference in player.play_vector(
                vector, lambda make=make: make(engines.FOR_VECTORS)
            )
        ]
        if found and foreign:
            skips.append(f"{name}: {foreign}")
            print(f"skipped  {name}: {foreign}", *found, sep="\n           ")
        elif found:
            failures += [f"{name}: {difference}" for difference in found]
            print(f"FAILED   {name}", *found, sep="\n           ")
        else:
            passed += 1
    failed = len(vectors) - passed - len(skips)
    print(f"{passed} passed, {failed} failed, {len(skips)} skipped of {len(vectors)} vectors")
    if args.json:
        counts = {"passed": passed, "failed": failed, "skipped": len(skips)}
        print(json.dumps({**counts, "failures": failures, "skips": skips}))
    return 1 if failed else 0


def _from_the_tests(name: str) -> ModuleType:
    """Import a module of the tests of this checkout."""
    if not (_CHECKOUT / "tests" / "reference").is_dir():
        raise Refused(
            f"{_CHECKOUT} has no tests/reference: vectors are played on the slow reference too, "
            "which is not installed; run this from a checkout of the project"
        )
    if str(_CHECKOUT) not in sys.path:
        sys.path.insert(0, str(_CHECKOUT))
    return importlib.import_module(f"tests.{name}")
