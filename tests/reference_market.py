"""The market of a house without a matcher: the reference, and the board that its readers see."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from matcher.bootstrap import check_accepted, opening_batches
from matcher.trading_days import Calendars
from protocol.board import (
    BALANCES_A_LINE,
    BLOCKS,
    DEEP_LEVELS,
    DEEP_SLOTS,
    DEPTH_SLOTS,
    LISTED_A_LINE,
    QUEUE_SLOTS,
    lines_for,
)
from protocol.layout import Record, Rows, rows_of
from protocol.records import Command
from protocol.terms import CommandKind, EventFlag, Side
from tests.reference import Capacities, Reference

START_NS = 1_700_000_000_000_000_000
LIMITS = Capacities(price_levels=1 << 30)
TABLE = tomllib.loads((Path(__file__).parent.parent / "conf" / "instruments.toml").read_text())


class Market:
    """The reference with the board that its readers see."""

    def __init__(self) -> None:
        self.core = Reference(LIMITS)
        self.seq = 0
        self.now_ns = START_NS
        self.board = {name: _block(name) for name in BLOCKS}
        for batch in opening_batches(TABLE, self.board, Calendars({"US_STOCKS": 1}, {})):
            check_accepted(self.apply(batch))

    def apply(self, commands: Rows) -> Rows:
        """Stamp and apply commands; their events."""
        commands = commands.copy()
        for row in commands:
            self.seq += 1
            self.now_ns += 1_000_000
            row["seq"], row["at_ns"] = self.seq, self.now_ns
        events, _ = self.core.apply(commands)
        self._publish(events)
        return events

    def command(self, **fields: Any) -> Rows:
        """Apply one command given by its fields."""
        rows = rows_of(Command, 1)
        for name, value in fields.items():
            rows[0][name] = value
        return self.apply(rows)

    def account(self, name: str, **deposits: int) -> int:
        """Add an account with deposits in whole units of the asset."""
        number = len(self.core.venue.accounts)
        self.command(kind=CommandKind.ADD_ACCOUNT, account=number, cl_ord_id=name.encode())
        codes = [asset.code.decode() for asset in self.core.venue.assets]
        for code, amount in deposits.items():
            self.command(
                kind=CommandKind.DEPOSIT,
                account=number,
                asset=codes.index(code),
                amount=amount * 10**8,
            )
        return number

    def publish_queues(self, number: int) -> None:
        """Show a book order by order, as the matcher's loop does when it is asked."""
        book, board = self.core.venue.instruments[number].book, self.board
        bids, asks = (
            [order for _, queue in book.levels(side) for order in queue]
            for side in (Side.BUY, Side.SELL)
        )
        board["queue_count"] += 1
        slot = int(board["queue_count"][0]) % QUEUE_SLOTS
        head = board["queue_heads"][slot]
        head["instrument"], head["update_id"], head["seq"] = number, book.update_id, self.seq
        head["bids"], head["asks"] = len(bids), len(asks)
        for place, order in enumerate(bids + asks):
            told = order.order_id, order.price, order.visible_qty, bool(order.display_qty), 0
            board["queue_orders"][slot, place] = told

    def _publish(self, events: Rows) -> None:
        venue, board = self.core.venue, self.board
        status = board["status"][0]
        status["seq"], status["at_ns"], status["event_seq"] = self.seq, self.now_ns, venue.event_seq
        status["ready"] = 1
        status["instruments"], status["assets"] = len(venue.instruments), len(venue.assets)
        for asset in venue.assets:
            board["assets"][asset.number] = (asset.decimals, 1, asset.code, 0)
        for one in venue.instruments:
            row = board["instruments"][one.number]
            row["symbol"], row["exists"], row["phase"] = one.symbol, 1, one.phase
            row["update_id"] = one.book.update_id
            terms = one.terms
            board["terms"][one.number, : len(terms)] = terms
            self._publish_depth(one.number)
            board["depth_count"][one.number] += DEPTH_SLOTS
        changed = {int(account) for account in events["account"]}
        for account in venue.accounts:
            if account.number in changed:
                self._publish_account(account)

    def _publish_depth(self, number: int) -> None:
        sides = self.core.depth(number)
        for ring, levels in (("depth", 4), ("deep", DEEP_LEVELS)):
            head = self.board[f"{ring}_heads"][number, 0]
            head["update_id"] = self.board["instruments"][number]["update_id"]
            head["at_ns"], head["complete"] = self.now_ns, max(map(len, sides)) <= levels
            for side, name in enumerate(("bids", "asks")):
                head[name] = min(len(sides[side]), levels)
                for place, level in enumerate(sides[side][:levels]):
                    self.board[f"{ring}_levels"][number, 0, side, place] = level

    def _publish_account(self, account: Any) -> None:
        row = self.board["accounts"][account.number]
        row["last_seq"], row["state"], row["exists"] = self.seq, account.state, 1
        row["name"], row["trade_group"] = account.name, account.trade_group
        for asset, balance in account.balances.items():
            line, place = divmod(asset, BALANCES_A_LINE)
            held = (balance.free, balance.locked)
            self.board["balances"][line, account.number, place] = held
        row["order_count"] = len(account.orders)
        for place, order in enumerate(account.orders.values()):
            slot = order.order_id
            line, within = divmod(place, LISTED_A_LINE)
            self.board["account_orders"][line, account.number, within] = slot
            _publish_order(self.board["orders"][slot], order, slot)
            _publish_extra(self.board["extras"][slot], order)


def _publish_order(row: Any, order: Any, slot: int) -> None:
    values = {
        "order_id": order.order_id,
        "price": order.price,
        "leaves_qty": order.leaves_qty,
        "updated_ns": order.created_ns,
        "account": order.account.number,
        "instrument": order.instrument.number,
        "side": order.side,
        "ord_type": order.ord_type,
        "time_in_force": order.time_in_force,
        "stp_mode": order.stp_mode,
        "ord_status": order.status,
        "flags": EventFlag.WORKING if order.working else 0,
        "extra": slot,
        "cum_qty": order.cum_qty,
        "cum_quote": order.cum_quote,
        "created_ns": order.created_ns,
        "cl_ord_id": order.cl_ord_id,
    }
    for name, value in values.items():
        row[name] = value


def _publish_extra(row: Any, order: Any) -> None:
    for name in ("stop_px", "display_qty", "quote_qty", "expire_ns", "working_ns", "strategy_id"):
        row[name] = getattr(order, name)
    row["strategy_type"], row["trailing_bips"] = order.strategy_type, order.trailing_bips
    row["prevented_qty"] = order.prevented_qty
    row["list_id"] = order.order_list.list_id if order.order_list else 0


def _block(name: str) -> np.ndarray[Any, Any]:
    shapes: dict[str, tuple[int, ...]] = {
        "status": (1,),
        "assets": (LIMITS.assets,),
        "instruments": (LIMITS.instruments,),
        "terms": (LIMITS.instruments, 64),
        "accounts": (LIMITS.accounts,),
        "balances": (lines_for(LIMITS.assets, BALANCES_A_LINE), LIMITS.accounts, BALANCES_A_LINE),
        "account_orders": (
            lines_for(LIMITS.account_orders, LISTED_A_LINE),
            LIMITS.accounts,
            LISTED_A_LINE,
        ),
        "orders": (LIMITS.orders,),
        "extras": (LIMITS.orders,),
        "depth_count": (LIMITS.instruments,),
        "depth_heads": (LIMITS.instruments, DEPTH_SLOTS),
        "depth_levels": (LIMITS.instruments, DEPTH_SLOTS, 2, 4),
        "deep_count": (LIMITS.instruments,),
        "deep_heads": (LIMITS.instruments, DEEP_SLOTS),
        "deep_levels": (LIMITS.instruments, DEEP_SLOTS, 2, DEEP_LEVELS),
        "queue_heads": (QUEUE_SLOTS,),
        "queue_orders": (QUEUE_SLOTS, LIMITS.orders),
    }
    record = BLOCKS[name][0]
    dtype = np.dtype(record) if isinstance(record, str) else record.dtype
    assert isinstance(record, str) or issubclass(record, Record)
    return np.zeros(shapes.get(name, (1,)), dtype)
