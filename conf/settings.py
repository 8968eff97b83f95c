"""Every setting: its unit, range, default and why. Read once in each `__main__` and passed down.

Order, later wins: the defaults here, the shipped `exchange.toml`, the file named by OPENBOURSE_CONFIG, environment
variables `OPENBOURSE_SECTION_FIELD` (OPENBOURSE_DATA_DIR for the data directory). An unknown name
or a value out of range is refused with the name, what was found and what is allowed.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from conf.capacities import Core
from conf.hosts import Edge, Redis, Wire
from conf.matchers import Matcher
from conf.sections import Database, Journal, Market, Office, Rest, Supervision, Ws

SHIPPED = Path(__file__).parent
LIVE_FILE = "live.json"
"""In the run-time directory: the live settings in force, see `conf/live.py`."""


class WrongSetting(ValueError):
    """A setting that cannot be used; the message says which, what was found and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """All settings."""

    data_dir: Path
    rest: Rest = field(default_factory=Rest)
    ws: Ws = field(default_factory=Ws)
    redis: Redis = field(default_factory=Redis)
    wire: Wire = field(default_factory=Wire)
    edge: Edge = field(default_factory=Edge)
    journal: Journal = field(default_factory=Journal)
    matcher: Matcher = field(default_factory=Matcher)
    core: Core = field(default_factory=Core)
    database: Database = field(default_factory=Database)
    market: Market = field(default_factory=Market)
    supervision: Supervision = field(default_factory=Supervision)
    office: Office = field(default_factory=Office)
    instruments_file: Path = SHIPPED / "instruments.toml"
    calendar_file: Path = SHIPPED / "calendar.toml"
    demo: bool = True

    @property
    def is_mirror(self) -> bool:
        """Whether this host takes its market from another one."""
        return bool(self.redis.source or self.wire.source)

    @property
    def is_edge(self) -> bool:
        """Whether this host takes orders for the exchange of another one."""
        return bool(self.edge.source)

    @property
    def curve_folder(self) -> Path:
        """Where the keys of this host are."""
        return Path(self.wire.keys_dir) if self.wire.keys_dir else self.data_dir / "curve"


_SECTIONS = {
    "rest": Rest,
    "ws": Ws,
    "redis": Redis,
    "wire": Wire,
    "edge": Edge,
    "journal": Journal,
    "matcher": Matcher,
    "core": Core,
    "database": Database,
    "market": Market,
    "supervision": Supervision,
    "office": Office,
}
_PATHS = ("data_dir", "instruments_file", "calendar_file")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of this process.

    Raises: WrongSetting, also for a configuration file that is missing or not TOML.
    """
    tables = [_read(SHIPPED / "exchange.toml")]
    if path := environ.get("OPENBOURSE_CONFIG"):
        tables.append(_read(Path(path)))
    tables.append(_from_environ(environ))
    if (live := environ.get("OPENBOURSE_LIVE")) and Path(live).exists():
        tables.append(json.loads(Path(live).read_text()))
    top: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    for table in tables:
        for name, value in table.items():
            if name in _SECTIONS and isinstance(value, dict):
                sections[name].update(value)
            elif name in (*_PATHS, "demo"):
                top[name] = value
            else:
                raise WrongSetting(
                    f"unknown setting {name!r}; known are {', '.join([*_PATHS, 'demo', *_SECTIONS])}"
                )
    made = {name: _section(_SECTIONS[name], name, values) for name, values in sections.items()}
    return Settings(
        data_dir=Path(top.get("data_dir", "data")),
        instruments_file=Path(top.get("instruments_file", Settings.instruments_file)),
        calendar_file=Path(top.get("calendar_file", Settings.calendar_file)),
        demo=_convert("demo", bool, top.get("demo", True)),
        **made,
    )


def to_environ(settings: Settings) -> dict[str, str]:
    """Return the environment that makes a child process load exactly these settings."""
    found = {
        f"OPENBOURSE_{name.upper()}": str(getattr(settings, name)) for name in (*_PATHS, "demo")
    }
    for section in _SECTIONS:
        values = getattr(settings, section)
        for one in fields(values):
            found[f"OPENBOURSE_{section.upper()}_{one.name.upper()}"] = str(
                getattr(values, one.name)
            )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise WrongSetting(f"cannot read the configuration file {path}: {error}") from error


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (*_PATHS, "demo"):
        if value := environ.get(f"OPENBOURSE_{name.upper()}"):
            found[name] = value
    for section, model in _SECTIONS.items():
        for one in fields(model):
            value = environ.get(f"OPENBOURSE_{section.upper()}_{one.name.upper()}")
            if value is not None:
                found.setdefault(section, {})[one.name] = value
    return found


def _section(model: type[Any], section: str, values: Mapping[str, Any]) -> Any:
    known = {one.name: one for one in fields(model)}
    for name in values:
        if name not in known:
            raise WrongSetting(f"unknown setting {section}.{name}; known are {', '.join(known)}")
    return model(
        **{
            name: _checked(f"{section}.{name}", known[name], value)
            for name, value in values.items()
        }
    )


def _checked(name: str, one: "Field[Any]", value: Any) -> Any:
    assert one.default is not MISSING
    converted = _convert(name, type(one.default), value)
    low, high, choices = (one.metadata[key] for key in ("low", "high", "choices"))
    if choices and converted not in choices:
        raise WrongSetting(f"{name} is {converted!r}; allowed are {', '.join(choices)}")
    if low is not None and not low <= converted <= high:
        found = f"{converted} {one.metadata['unit']}".strip()
        raise WrongSetting(f"{name} is {found}; allowed is {low} to {high}")
    if check := one.metadata["check"]:
        try:
            check(converted)
        except ValueError as error:
            raise WrongSetting(f"{name} is {converted!r}: {error}") from error
    return converted


def _convert(name: str, kind: type[Any], value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        if value.lower() not in ("true", "false", "1", "0"):
            raise WrongSetting(f"{name} is {value!r}; allowed are true and false")
        return value.lower() in ("true", "1")
    if kind is int and isinstance(value, float):
        raise WrongSetting(f"{name} is {value}; a whole number is needed")
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        wanted = {int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise WrongSetting(f"{name} is {value!r}; {wanted} is needed") from error
