"""The sections of the settings that other hosts are about."""

from dataclasses import dataclass

from conf.declare import setting


@dataclass(frozen=True)
class Redis:
    """The market between hosts (relay and mirror); see docs/hosts.md."""

    url: str = setting(
        "",
        "where the relay of this exchange sends the market, redis://host:port/db; empty: nowhere",
    )
    source: str = setting(
        "", "redis://host:port/db: this host takes its market from there and matches nothing itself"
    )
    prefix: str = setting("openbourse", "begins the names of channel, stream and key")
    history: str = setting(
        "",
        "host:port of a REST door that knows the past, for candles on a host with `source`; empty: its own",
    )
    tick_ms: float = setting(
        5.0, "events of so long leave in one frame", unit="ms", low=0.1, high=1000
    )
    state_s: float = setting(
        1.0, "between two snapshots of the whole market", unit="s", low=0.1, high=60
    )
    frames: int = setting(20_000, "frames kept for those who missed some", low=100, high=10_000_000)


@dataclass(frozen=True)
class Wire:
    """The market between hosts without a server between them, encrypted; see docs/hosts.md."""

    listen: str = setting(
        "",
        "host:port where this exchange offers its market to hosts whose keys it trusts (`openbourse keys`), "
        "and the port behind it; empty: nowhere",
    )
    source: str = setting(
        "", "host:port: this host takes its market from there and matches nothing itself"
    )
    source_key: str = setting("", "the public key of the exchange there")
    keys_dir: str = setting("", "where this host's keys are; empty: curve in the data directory")


@dataclass(frozen=True)
class Edge:
    """Orders from other hosts, over an encrypted wire with the keys of `[wire]`; see docs/hosts.md."""

    listen: str = setting(
        "",
        "host:port where hosts come that take orders for this exchange, and whose keys it trusts with that "
        "(`openbourse keys trust NAME KEY --edge`); empty: nowhere",
    )
    source: str = setting(
        "",
        "host:port: this host takes orders for the exchange there, keeps a copy of its journal, and "
        "matches nothing itself; it needs `database.dsn` and the other's `database.key_file`. Two, with a "
        "comma: of a pair of which one stands by",
    )
    source_key: str = setting("", "the public key of the exchange there; of two, in the same order")
