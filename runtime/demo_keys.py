"""Keys of accounts of our own, as kept in the data directory: the demo's and the simulated traders'.

For programs as JSON; the demo's also for a shell to source.
"""

import json
import os
from pathlib import Path

JSON_FILE = "demo.json"
SHELL_FILE = "demo.env"
TRADERS_FILE = "traders.json"


def read(data_dir: Path, name: str = JSON_FILE) -> dict[str, dict[str, str]]:
    """Return the keys by account name; {} when there are none."""
    try:
        kept: dict[str, dict[str, str]] = json.loads((data_dir / name).read_text())
    except FileNotFoundError:
        return {}
    return kept


def write(data_dir: Path, keys: dict[str, dict[str, str]]) -> None:
    """Keep the demo's keys, readable by the owner alone."""
    write_json(data_dir, JSON_FILE, keys)
    lines = [
        f"export {name.upper()}_{word}={kept[field]}\n"
        for name, kept in keys.items()
        for word, field in (("KEY", "api_key"), ("SECRET", "secret"))
    ]
    _write_private(data_dir / SHELL_FILE, "".join(lines))


def write_json(data_dir: Path, name: str, keys: dict[str, dict[str, str]]) -> None:
    """Keep keys for programs, readable by the owner alone."""
    _write_private(data_dir / name, json.dumps(keys, indent=2) + "\n")


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
