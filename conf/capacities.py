"""The capacities of the matching core: they belong to the journal, see docs/decisions/0012."""

from dataclasses import dataclass

from conf.declare import setting


@dataclass(frozen=True)
class Core:
    """Capacities of the matching core. Reaching one is a clean rejection."""

    orders: int = setting(1 << 20, "live orders", low=16, high=1 << 26)
    accounts: int = setting(10_000, "accounts", low=2, high=1 << 22)
    assets: int = setting(64, "assets", low=2, high=4096)
    instruments: int = setting(256, "instruments", low=1, high=4096)
    account_orders: int = setting(4096, "open orders of one account", low=1, high=1 << 20)
    depth_levels: int = setting(
        100, "levels a side in the snapshot published with every batch", low=1, high=5000
    )
    price_levels: int = setting(
        1 << 28,
        "prices of all instruments together, from 0 to each one's ladder_top; only touched ones take memory",
        low=64,
        high=1 << 32,
    )
    lists: int = setting(1 << 16, "live order lists", low=1, high=1 << 24)
    iceberg_slices: int = setting(
        1 << 20,
        "slices that all live icebergs together may still have to show",
        low=1,
        high=1 << 26,
    )
    dedupe_window_s: float = setting(
        600.0,
        "how long a finished order's text id stays taken; 0: not at all",
        unit="s",
        low=0,
        high=86400,
    )
    dedupe_capacity: int = setting(1 << 20, "finished text ids remembered", low=1, high=1 << 26)
    references: int = setting(
        1 << 18, "external ids of deposits and withdrawals remembered", low=1, high=1 << 26
    )
    batch_limit: int = setting(1024, "commands matched at a time", low=1, high=65536)
