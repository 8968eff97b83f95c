"""What is asked of the supervisor of the running exchange, and its answer on the terminal."""

import json

from commands import Refused
from conf.settings import load
from runtime import audit
from supervision.control import NotAsked, ask

_PATIENCE_S = 600.0


def wish(word: str, *, as_json: bool, **details: object) -> int:
    """Ask the supervisor, wait until it is done and print what it told.

    Raises: Refused.
    """
    try:
        told = ask(load().data_dir, {"word": word, **details, "who": audit.user()}, _PATIENCE_S)
    except NotAsked as why:
        raise Refused(str(why)) from why
    print(json.dumps({"told": told}) if as_json else told)
    return 0
