"""The admin API: the words of the command line, said over HTTP by whoever has an admin key.

    POST /admin/v1/account/freeze   {"name": "carol"}      as   openbourse account freeze carol --json

The path names the words, the body the arguments by their names (`--help` tells them): so there is one way to do a thing,
one check of its input, one line in the audit trail. GET serves `status`, `instruments`, `accounts` and `audit`.
"""

import argparse
import contextlib
import importlib
import io
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import Refused
from conf.settings import WrongSetting
from office import admin_keys, state
from office.server import Answer, Asked, NotServed, Routes
from runtime import audit
from runtime.service import BadConfiguration
from runtime.shared import NotPublished

WORDS = (
    "account",
    "instrument",
    "phase",
    "halt",
    "resume",
    "cancel-all",
    "kill-switch",
    "fee-tier",
    "audit",
)
"""What may be said over HTTP; what touches the files of this machine may not."""
PLACE = "/admin/v1/"
_one_at_a_time = threading.Lock()
"""The words print what they tell, and what is printed belongs to the whole process."""


def routes(data_dir: Path, run_dir: Path) -> Routes:
    """Return the routes of the API."""

    def do(asked: Asked) -> Answer:
        with _on_behalf_of(data_dir, asked):
            return Answer(200, say(asked.rest.split("/"), asked.body))

    def show(asked: Asked) -> Answer:
        with _on_behalf_of(data_dir, asked):
            if asked.rest == "status":
                return Answer(200, state.whole(data_dir, run_dir))
            if asked.rest in ("accounts", "instruments"):
                return Answer(200, say([asked.rest.removesuffix("s"), "list"], {}))
            if asked.rest == "audit":
                return Answer(200, say(["audit"], asked.query))
        raise NotServed(404, f"there is no {PLACE}{asked.rest} to get")

    return {("POST", PLACE): do, ("GET", PLACE): show}


def say(words: list[str], arguments: Mapping[str, Any]) -> Any:
    """Do what the command line would do with these words and arguments, and return what it tells.

    Raises: NotServed.
    """
    if words[0] not in WORDS:
        raise NotServed(
            404, f"{words[0]!r} is no word of the admin API; there are {', '.join(WORDS)}"
        )
    module = importlib.import_module(f"commands.{words[0].replace('-', '_')}")
    parser = _Parser(prog=words[0], allow_abbrev=False)
    module.add_arguments(parser)
    told = io.StringIO()
    with _one_at_a_time, contextlib.redirect_stdout(told):
        try:
            module.run(parser.parse_args(_line(parser, words[1:], arguments)))
        except (Refused, WrongSetting, BadConfiguration) as why:
            raise NotServed(400, str(why)) from why
        except NotPublished as why:
            raise NotServed(503, str(why)) from why
    return json.loads(told.getvalue().splitlines()[-1])


class _Parser(argparse.ArgumentParser):
    """One whose errors are answers, not the end of the process."""

    def error(self, message: str) -> Any:
        """Refuse."""
        raise NotServed(400, f"{self.prog}: {message}")


def _line(
    parser: argparse.ArgumentParser, words: list[str], arguments: Mapping[str, Any]
) -> list[str]:
    """Write words and named arguments as a command line.

    Raises: NotServed.
    """
    line, left = [], dict(arguments)
    for word in words:
        words_here = [one.choices for one in parser._actions if isinstance(one.choices, dict)]  # noqa: SLF001
        if not words_here or word not in words_here[0]:
            raise NotServed(404, f"{parser.prog} has no word {word!r}")
        parser = words_here[0][word]
        line.append(word)
    positional: list[str] = []
    for action in parser._actions:  # noqa: SLF001
        if action.dest not in left or action.dest == "help" or action.type is Path:
            continue
        value = left.pop(action.dest)
        if not action.option_strings:
            positional.append(_text(action.dest, value))
        elif action.nargs == 0:
            line += action.option_strings[:1] if _truth(action.dest, value) else []
        else:
            many = value if isinstance(value, list) else [value]
            line += [f"{action.option_strings[0]}={_text(action.dest, one)}" for one in many]
    if left:
        raise NotServed(400, f"{parser.prog} takes no {', '.join(left)} here")
    return [*line, "--json", "--", *positional] if positional else [*line, "--json"]


def _truth(name: str, value: Any) -> bool:
    # "true" or 1 might be meant either way, and what is at stake is every order of a market.
    if not isinstance(value, bool):
        raise NotServed(400, f"{name} must be true or false")
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotServed(400, f"{name} must be a text or a number")
    return str(value)


@contextlib.contextmanager
def _on_behalf_of(data_dir: Path, asked: Asked) -> Iterator[None]:
    kind, _, key = asked.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise NotServed(
            401,
            "say `Authorization: Bearer KEY` with a key from `openbourse admin-key create NAME`",
        )
    try:
        name = admin_keys.owner(data_dir, key.strip())
    except admin_keys.Damaged as damaged:
        raise NotServed(503, str(damaged)) from damaged
    if not name:
        raise NotServed(
            401,
            "this admin key is nobody's, or was revoked: `openbourse admin-key create NAME` makes one",
        )
    token = audit.WHO.set(f"{name} over the admin API")
    try:
        yield
    finally:
        audit.WHO.reset(token)
