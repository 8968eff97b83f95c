"""The demo accounts' keys, as kept in the data directory: for programs as JSON, for a shell to source."""

import json
import os
from pathlib import Path

JSON_FILE = "demo.json"
SHELL_FILE = "demo.env"


def read(data_dir: Path) -> dict[str, dict[str, str]]:
    """Return the keys by account name; {} when there are none."""
    try:
        kept: dict[str, dict[str, str]] = json.loads((data_dir / JSON_FILE).read_text())
    except FileNotFoundError:
        return {}
    return kept


def write(data_dir: Path, keys: dict[str, dict[str, str]]) -> None:
    """Keep the keys, readable by the owner alone."""
    _write_private(data_dir / JSON_FILE, json.dumps(keys, indent=2) + "\n")
    lines = [
        f"export {name.upper()}_{word}={kept[field]}\n"
        for name, kept in keys.items()
        for word, field in (("KEY", "api_key"), ("SECRET", "secret"))
    ]
    _write_private(data_dir / SHELL_FILE, "".join(lines))


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
