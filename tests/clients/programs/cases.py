"""What every client program shares: where the exchange is, its cases, and the lines it prints of them.

A program runs in the virtual environment of its client, so nothing of the project is imported here.
"""

import asyncio
import inspect
import json
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

REST = os.environ["OPENBOURSE_REST"]
WS = os.environ["OPENBOURSE_WS"]
MINE = json.loads(os.environ["OPENBOURSE_MINE"])
"""API key and secret of the account that the client trades for."""
THEIRS = json.loads(os.environ["OPENBOURSE_THEIRS"])
"""Another account, for the other side of a trade."""

CASES: list[Callable[[], Any]] = []


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Make a function a case; its name says what must hold."""
    CASES.append(function)
    return function


def run(finish: Callable[[], Any] = lambda: None) -> None:
    """Run all cases, in order, and print a line of JSON about each."""
    asyncio.run(_run(finish))


async def _run(finish: Callable[[], Any]) -> None:
    for function in CASES:
        began = time.monotonic()
        failure = ""
        try:
            told = function()
            if inspect.isawaitable(told):
                await asyncio.wait_for(told, 60)
        except Exception as error:  # noqa: BLE001 - every failure is a row of the table
            place = traceback.extract_tb(error.__traceback__)[-1]
            failure = f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"[:600]
        row = {
            "case": function.__name__,
            "failure": failure,
            "seconds": round(time.monotonic() - began, 2),
        }
        print(json.dumps(row), flush=True)
    told = finish()
    if inspect.isawaitable(told):
        await told


def refused(
    kind: type[Exception], call: Callable[..., Any], *args: Any, **kwargs: Any
) -> Exception:
    """Return the exception of the expected kind that a call raises."""
    try:
        told = call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected, not {told!r}")


async def refused_later(kind: type[Exception], told: Any) -> Exception:
    """Return the exception of the expected kind that an awaitable raises."""
    try:
        answer = await told
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected, not {answer!r}")
