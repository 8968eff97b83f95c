"""After a storm: turn until all is well again, or say how it stands."""

from collections.abc import Callable

CALM_TURNS = 4_000
"""All must be back by then, which takes some hundred turns."""


def turn_until(
    done: Callable[[], bool], turn: Callable[[], None], standing: Callable[[], object]
) -> None:
    """Turn at least once, until `done`; `standing` is told when it does not come back."""
    for _ in range(CALM_TURNS):
        turn()
        if done():
            return
    raise AssertionError(f"it does not come back: {standing()}")
