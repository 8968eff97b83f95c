"""The tables in the documents that are computed from the code; `make fix` writes them anew.

A table stands between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from conf import settings
from runtime.endpoints import WIRES
from writer import tables as writer_tables

DOCS = Path(__file__).parent.parent / "docs"


def wires() -> str:
    """Every wire of the exchange."""
    head = ("wire", "pattern", "bound by", "connected by", "carries", "limit", "when full")
    rows = [(dataclasses.asdict(wire) | {"limit": f"{wire.limit:,}"}).values() for wire in WIRES]
    return _table(head, *rows)


def all_settings() -> str:
    """Every setting with its default, unit, range and reason."""
    rows = []
    whole = settings.Settings(data_dir=Path("data"))
    for section in dataclasses.fields(whole):
        values = getattr(whole, section.name)
        for one in dataclasses.fields(values) if dataclasses.is_dataclass(values) else ():
            about = one.metadata
            limits = ", ".join(about["choices"])
            if about["low"] is not None:
                limits = f"{about['low']:,} – {about['high']:,}"
            default = f"{one.default:,}" if isinstance(one.default, int | float) else one.default
            name, live = f"`{section.name}.{one.name}`", "yes" if about["live"] else ""
            rows.append((name, default, about["unit"], limits, live, about["why"]))
    return _table(("setting", "default", "unit", "range", "live", "why"), *rows)


def columns() -> str:
    """Every column of the books of record that events fill."""
    rows = [
        (f"`{table.name}.{one.name}`", one.kind, f"`{one.source}`" if one.source else "computed")
        for table in writer_tables.TABLES
        for one in table.columns
    ]
    return _table(("column", "type", "event field"), *rows)


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "wires": ("architecture.md", wires),
    "settings": ("operations.md", all_settings),
    "columns": ("database.md", columns),
}
"""By name: the document, and what makes the table."""


def written(name: str) -> str:
    """Return the table as it stands in its document."""
    found = _place(name).search((DOCS / TABLES[name][0]).read_text())
    assert found, f"no table {name} in {TABLES[name][0]}"
    return found[2]


def main() -> None:
    """Write every table into its document."""
    for name, (document, make) in TABLES.items():
        path = DOCS / document
        table = make()
        path.write_text(
            _place(name).sub(lambda at, new=table: at[1] + new + at[3], path.read_text())
        )


def _place(name: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- {name} -->\n)(.*?)(\n<!-- end of {name} -->)", re.DOTALL)


def _table(head: Iterable[str], *rows: Iterable[str]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
