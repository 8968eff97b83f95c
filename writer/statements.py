"""The SQL that the writer says, made of the names in `writer/tables.py` and nothing else. Pure."""
# ruff: noqa: S608 - no value ever becomes part of a statement, only declared names

from datetime import date

from writer import tables
from writer.candles import Candle
from writer.tables import DAY_NS, Column, Table

_EPOCH = date(1970, 1, 1).toordinal()
_NEVER_CHANGED = ("created_ns",)

MOVE_WATERMARK = (
    b"update watermark set seq = %s, event_seq = %s, at_ns = %s where event_seq = %s"
)  # fmt: skip
BRIEF_LOCK = b"set local lock_timeout = '200ms'"
ACCOUNT_TERMS = {
    name: f"update accounts set {name} = %s where account = %s".encode()
    for name in tables.ACCOUNT_TERMS
}


def copy(table: Table) -> bytes:
    """Return the COPY that takes rows of `table`."""
    return f"copy {table.name} ({', '.join(table.names())}) from stdin (format binary)".encode()


def insert(table: Table) -> bytes:
    """Return the insert of rows given as one array per column."""
    names, arrays = ", ".join(table.names()), _arrays(table.columns)
    return f"insert into {table.name} ({names}) select * from unnest({arrays})".encode()


def replace(table: Table) -> bytes:
    """Return the same, where a row that is there already takes the new values."""
    kept = (*table.key, *_NEVER_CHANGED)
    sets = ", ".join(f"{name} = excluded.{name}" for name in table.names() if name not in kept)
    conflict = f" on conflict ({', '.join(table.key)}) do update set {sets}"
    return insert(table) + conflict.encode()


def update(table: Table, columns: tuple[Column, ...]) -> bytes:
    """Return the update of known rows, given as one array per column; the key is among them."""
    names = [column.name for column in columns]
    sets = ", ".join(f"{name} = new.{name}" for name in names if name not in table.key)
    where = " and ".join(f"old.{name} = new.{name}" for name in table.key)
    return (
        f"update {table.name} old set {sets} from unnest({_arrays(columns)}) "
        f"as new ({', '.join(names)}) where {where}"
    ).encode()


def add_to_candles(name: str) -> bytes:
    """Return the statement that adds parts of candles, one array per column, to a klines table."""
    sums = ("qty", "quote_qty", "taker_buy_qty", "taker_buy_quote_qty", "trade_count")
    kinds = ["numeric" if column.endswith("qty") else "bigint" for column in Candle._fields]
    kinds[0] = "smallint"
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    added = ", ".join(f"{column} = old.{column} + excluded.{column}" for column in sums)
    return (
        f"insert into {name} as old ({', '.join(Candle._fields)}) select * from unnest({arrays}) "
        "on conflict (instrument, open_ns) do update set high = greatest(old.high, excluded.high), "
        "low = least(old.low, excluded.low), close = excluded.close, "
        f"last_trade_id = excluded.last_trade_id, {added}"
    ).encode()


def day_partition(table: Table, day: int) -> str:
    """Return the name of a day's partition, such as trades_2026_01_31; days count from 1970."""
    return f"{table.name}_{date.fromordinal(_EPOCH + day):%Y_%m_%d}"


def make_day(table: Table, day: int) -> bytes:
    """Return the statement that makes the partition of a day."""
    return (
        f"create table if not exists {day_partition(table, day)} partition of {table.name} "
        f"for values from ({day * DAY_NS}) to ({(day + 1) * DAY_NS})"
    ).encode()


def in_default_partition(table: Table, day: int) -> bytes:
    """Return the question whether the default partition holds rows of a day."""
    return (
        f"select 1 from {table.name}_other where at_ns >= {day * DAY_NS} "
        f"and at_ns < {(day + 1) * DAY_NS} limit 1"
    ).encode()


def _arrays(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"%s::{column.kind}[]" for column in columns)
