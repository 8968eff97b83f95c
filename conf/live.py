"""Which settings can change while the exchange runs, and how its processes learn of the change.

Beside each field of `conf/sections.py` stands who takes it live; a field where nobody stands needs a
restart. The supervisor writes what is in force into a file that every process reads last when it loads its settings.
"""

import json
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from conf.settings import LIVE_FILE, Settings


@dataclass(frozen=True)
class Change:
    """One setting that differs: `section.field`, before, after, and who takes it live."""

    name: str
    before: Any
    after: Any
    live: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.before!r} → {self.after!r}"


def changes(before: Settings, after: Settings) -> list[Change]:
    """Return every setting that differs, in the order of the sections."""
    found = []
    for section in fields(before):
        old, new = getattr(before, section.name), getattr(after, section.name)
        if is_dataclass(old):
            found += [
                Change(f"{section.name}.{one.name}", was, now, one.metadata["live"])
                for one in fields(old)
                if (was := getattr(old, one.name)) != (now := getattr(new, one.name))
            ]
        elif old != new:
            found.append(Change(section.name, str(old), str(new), ()))
    return found


def write(settings: Settings, run: Path) -> None:
    """Put the live settings in force where the processes read them."""
    told: dict[str, dict[str, Any]] = {}
    for section in fields(settings):
        values = getattr(settings, section.name)
        for one in fields(values) if is_dataclass(values) else ():
            if one.metadata["live"]:
                told.setdefault(section.name, {})[one.name] = getattr(values, one.name)
    draft = run / f".{LIVE_FILE}"
    draft.write_text(json.dumps(told))
    draft.replace(run / LIVE_FILE)
