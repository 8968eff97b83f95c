"""The two texts a person reads: the welcome when the exchange is up, and the page of `status`."""

from pathlib import Path
from typing import Any

from conf.settings import Settings
from runtime import demo_keys, endpoints
from runtime.postgres import EmbeddedPostgres
from supervision import status


def welcome(settings: Settings, asked_dsn: str, seconds: float) -> str:
    """Say where everything is; `asked_dsn` is the configured one, which may hold a password."""
    where = status.urls(settings)
    lines = [
        f"The exchange is up after {seconds:.1f} s. Stop it with Ctrl-C or `openbourse down`.",
        f"  terminal     {where['rest']}/",
        f"  operation    {where['rest']}/ops",
        f"  REST         {where['rest']}/api/v3/exchangeInfo",
        f"  streams      {where['ws']}/ws/btcusdt@trade",
        f"  metrics      {where['office']}/metrics",
        f"  PostgreSQL   {_psql(settings, asked_dsn)}",
        f"  data         {settings.data_dir}",
    ]
    for name, keys in demo_keys.read(settings.data_dir).items():
        lines.append(f"  {name:<12} API key {keys['api_key']}  secret {keys['secret']}")
    if settings.demo and not (settings.data_dir / demo_keys.SHELL_FILE).exists():
        lines.append(
            "  demo         its accounts are not made yet, which is tried on: the log says why"
        )
    elif settings.demo:
        lines.append(f"  both again   . {settings.data_dir / demo_keys.SHELL_FILE}")
    return "\n".join(lines)


def page(told: dict[str, Any]) -> str:
    """Write what `status.told` found as text."""
    watermark = "" if told["watermark"] is None else f"  watermark {told['watermark']}"
    lines = [f"{told['state']}  seq {told['seq']}{watermark}"]
    if told["rest"]:
        lines.append(f"REST {told['rest']}  streams {told['ws']}")
    lines += [_line(entry) for entry in told["processes"]]
    return "\n".join(lines)


def _line(entry: dict[str, Any]) -> str:
    line = f"  {entry['name']:<12} {entry['state']:<9} pid {entry['pid']:<8} restarts {entry['restarts']}"
    if entry["role"]:
        line += f"  {entry['role']}"
    if entry["workers"]:
        line += f"  workers {' '.join(map(str, entry['workers']))}"
    if entry["last_end"]:
        line += f"  last end: {entry['last_end']}"
    return line


def _psql(settings: Settings, asked_dsn: str) -> str:
    if asked_dsn:
        return "as configured (database.dsn)"
    if settings.is_mirror:
        return "none: the market comes from another host, the past needs database.dsn"
    run = endpoints.run_dir(settings.data_dir)
    postgres = EmbeddedPostgres(settings.data_dir, run, settings.database.bin_dir)
    program: Path | str = postgres.bin_dir / "psql"
    return f'{program} "{postgres.dsn()}"'
