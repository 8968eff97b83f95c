"""How a field of the settings is declared, and who can take a change of it while the exchange runs."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

REST_DOOR = ("ingress",)
"""Its workers are replaced one by one, without a request that fails."""
BOTH_DOORS = ("broadcaster", "ingress")
"""Broadcasters take it as they run: nobody is disconnected."""
SNAPSHOTS = ("snapshotter",)
"""It is started again; nothing waits for it."""
WATCH = ("supervisor",)


def setting(
    default: Any,
    why: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: tuple[str, ...] = (),
    check: Callable[[Any], object] | None = None,
) -> Any:
    """Declare one field of a section.

    `live`: who takes a change of it while the exchange runs; `check` raises ValueError for a wrong value.
    """
    about: dict[str, Any] = {
        "why": why, "unit": unit, "low": low, "high": high, "choices": choices, "live": live, "check": check
    }  # fmt: skip
    return field(default=default, metadata=about)
