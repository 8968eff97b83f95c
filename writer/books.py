"""The tables as they must stand after a stream of events: what the database is compared with. Pure.

Made from the same projection as the writer's batches, but put together here in memory instead of in
SQL, so that a statement that loses or doubles a change shows. Cost: all rows are kept.
"""

import numpy as np

from protocol.layout import Rows
from writer import tables
from writer.candles import Candle
from writer.ledger import Holdings
from writer.project import Batch, project
from writer.tables import Table

COMPARED = (*tables.APPENDED, *tables.REPLACED, *tables.ADDED)

_ORDERS = tables.ORDERS.name


class Books:
    """Takes batches of events, whole commands in order, and knows every table's rows."""

    def __init__(self) -> None:
        self._holdings = Holdings()
        self._appended: dict[str, list[Rows]] = {table.name: [] for table in COMPARED}
        self._orders = np.zeros(0, tables.ORDERS.dtype)
        self._candles: dict[str, dict[tuple[int, int], Candle]] = {
            name: {} for name in tables.CANDLES
        }
        self.account_terms: dict[int, dict[str, int]] = {}
        self.seq = 0
        self.event_seq = 0

    def add(self, events: Rows) -> None:
        """Take in whole commands."""
        self.take(project(events, self._holdings))

    def take(self, batch: Batch) -> None:
        """Take in what one transaction of the writer writes."""
        for rows_by_table in (batch.appended, batch.replaced, batch.added):
            for name, rows in rows_by_table.items():
                if name != _ORDERS and len(rows):
                    self._appended[name].append(rows)
        self._appended[tables.BALANCES.name].append(batch.changed_balances)
        self._change_orders(batch)
        for column, value, account in batch.account_terms:
            self.account_terms.setdefault(account, {})[column] = value
        for name, parts in batch.candles.items():
            for part in parts:
                self._add_candle(name, part)
        self.seq, self.event_seq = batch.seq, batch.event_seq

    def rows(self, table: Table) -> Rows:
        """Return the rows of a table, in the order of its key."""
        if table.name == _ORDERS:
            return self._orders[self._orders["order_id"] > 0]
        parts = self._appended[table.name]
        rows: Rows = np.concatenate(parts) if parts else np.zeros(0, table.dtype)
        if table in (tables.BALANCES, *tables.REPLACED):
            rows = _last_stands(table, rows)
        return in_key_order(table, rows)

    def candles(self, name: str) -> list[Candle]:
        """Return the candles of a klines table, by instrument and time."""
        return [candle for _, candle in sorted(self._candles[name].items())]

    def _change_orders(self, batch: Batch) -> None:
        # Order ids are dense from 1, so they are their own places.
        new = batch.appended[_ORDERS]
        last = int(new["order_id"].max(initial=0))
        if last >= len(self._orders):
            room = np.zeros(max(last + 1, 2 * len(self._orders)), tables.ORDERS.dtype)
            room[: len(self._orders)] = self._orders
            self._orders = room
        self._orders[new["order_id"]] = new
        changed, kept = batch.changed_orders, self._orders[batch.changed_orders["order_id"]]
        assert bool((kept["order_id"] > 0).all()), "an order changed that was never accepted"
        changed = changed.copy()
        changed["entered_qty"] = kept["entered_qty"]
        self._orders[changed["order_id"]] = changed

    def _add_candle(self, name: str, part: Candle) -> None:
        key = (part.instrument, part.open_ns)
        old = self._candles[name].get(key)
        if old:
            part = part._replace(
                open=old.open,
                high=max(old.high, part.high),
                low=min(old.low, part.low),
                first_trade_id=old.first_trade_id,
                **{field: getattr(old, field) + getattr(part, field) for field in _SUMS},
            )
        self._candles[name][key] = part


_SUMS = ("qty", "quote_qty", "taker_buy_qty", "taker_buy_quote_qty", "trade_count")


def in_key_order(table: Table, rows: Rows) -> Rows:
    """Sort rows by the key of their table."""
    return rows[np.lexsort([rows[name] for name in reversed(table.key)])]


def _last_stands(table: Table, rows: Rows) -> Rows:
    """Keep the last row of each key, with the time of creation of the first."""
    keys = np.stack([rows[name].astype(np.int64) for name in table.key], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    _, backwards = np.unique(keys[::-1], axis=0, return_index=True)
    kept: Rows = rows[len(rows) - 1 - backwards]
    if "created_ns" in table.names():
        kept["created_ns"] = rows["created_ns"][first]
    return kept
