"""The compiled part of the door: plain orders from their bytes to records, events to the bytes of answers.

What a plain order is and what happens to every other is told in `ingress/plain.py`. Here is only how the functions
become machine code: each with its types stated, kept on disk, and with every index checked, always, because what they
read comes from outside. With NUMBA_DISABLE_JIT=1 the same functions run as plain Python.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, types
from numba.core import config as numba_config

from protocol.machine_code import code_directory

F = TypeVar("F", bound=Callable[..., Any])

config: Any = numba_config
INTERPRETED = bool(config.DISABLE_JIT)
BYTES = types.Bytes(types.uint8, 1, "C", readonly=True)
OCTETS = types.Array(types.uint8, 1, "C")
TEXTS = types.Array(types.uint8, 2, "C")
NUMBERS = types.Array(types.int64, 1, "C")
TABLE = types.Array(types.int64, 2, "C")
COUNT = types.int64

PLACE = str(code_directory("door", ("protocol", "ingress/compiled"), checked=True))
_CHECKED: dict[str, Any] = {"boundscheck": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_BARE = {**_CHECKED, "_nrt": False}


def compiled(*arguments: Any) -> Callable[[F], F]:
    """Compile a function of these types that Python calls, or load it; it returns an int64.

    The types of what it is called with are not looked at again (that took as long as a short function): they
    must be right. Cost: some seconds, or some milliseconds when it was compiled before.
    """

    def compile_it(function: F) -> F:
        if INTERPRETED:
            return function
        # Numba asks for the directory while it decorates; the core has another one.
        before, config.CACHE_DIR = config.CACHE_DIR, PLACE
        try:
            made = njit(COUNT(*arguments), cache=True, **_CHECKED)(function)
        finally:
            config.CACHE_DIR = before
        (only,) = made.overloads.values()
        return cast("F", only.entry_point)

    return compile_it


def bare(function: F) -> F:
    """Compile a function that only compiled functions call, and that makes and returns no arrays.

    Parts of arrays it may take. References to arrays are not counted in it: with an answer's many short steps
    that took longer than the steps.
    """
    return function if INTERPRETED else cast("F", njit(**_BARE)(function))
