"""Readers of the board: consistent copies while another process writes."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.board import (
    BALANCES_A_LINE,
    DEEP_SLOTS,
    DEPTH_SLOTS,
    LISTED_A_LINE,
    QUEUE_SLOTS,
    AccountRow,
    AssetRow,
    BalanceRow,
    DepthHead,
    DepthLevel,
    ExtraRow,
    InstrumentRow,
    OrderRow,
    QueuedOrder,
    QueueHead,
    StatusRow,
)
from protocol.board_reads import Board, DeepRequests, Unreadable
from protocol.layout import rows_of
from protocol.names import Asset, Instrument, assets_on, instruments_on
from protocol.terms import InstrumentTerm
from runtime import shared
from runtime.shared import Blocks, Reader

ACCOUNTS, ASSETS, ORDERS, LEVELS = 4, 3, 16, 5


def empty() -> dict[str, Any]:
    return {
        "status": rows_of(StatusRow, 1),
        "assets": rows_of(AssetRow, ASSETS),
        "instruments": rows_of(InstrumentRow, 2),
        "terms": np.zeros((2, 64), np.int64),
        "accounts": rows_of(AccountRow, ACCOUNTS),
        "balances": np.zeros((1, ACCOUNTS, BALANCES_A_LINE), BalanceRow.dtype),
        "account_orders": np.zeros((1, ACCOUNTS, LISTED_A_LINE), np.uint32),
        "orders": rows_of(OrderRow, ORDERS),
        "extras": rows_of(ExtraRow, 4),
        "depth_count": np.zeros(2, np.int64),
        "depth_heads": np.zeros((2, DEPTH_SLOTS), DepthHead.dtype),
        "depth_levels": np.zeros((2, DEPTH_SLOTS, 2, LEVELS), DepthLevel.dtype),
        "deep_count": np.zeros(2, np.int64),
        "deep_heads": np.zeros((2, DEEP_SLOTS), DepthHead.dtype),
        "deep_levels": np.zeros((2, DEEP_SLOTS, 2, LEVELS), DepthLevel.dtype),
    }


@pytest.fixture
def blocks() -> dict[str, Any]:
    return empty()


@pytest.fixture
def board(blocks: dict[str, Any]) -> Board:
    return Board(lambda: blocks)


def publish(blocks: dict[str, Any], ring: str, instrument: int, number: int) -> None:
    """Publish a snapshot of which every number is `number`, the way the matcher does."""
    heads, levels = blocks[f"{ring}_heads"][instrument], blocks[f"{ring}_levels"][instrument]
    slot = (int(blocks[f"{ring}_count"][instrument]) + 1) % len(heads)
    heads["version"][slot] += 1
    for name in ("update_id", "seq", "at_ns"):
        heads[name][slot] = number
    heads["bids"][slot], heads["asks"][slot] = 1 + number % LEVELS, 1 + number % 2
    for name in ("price", "qty", "order_count"):
        levels[slot][name] = number
    heads["version"][slot] += 1
    blocks[f"{ring}_count"][instrument] += 1


def change(blocks: dict[str, Any], account: int, number: int) -> None:
    """Change an account so that every number of it is `number`, the way the matcher does."""
    row = blocks["accounts"][account : account + 1]
    row["version"] += 1
    blocks["balances"]["free"][:, account] = number
    blocks["balances"]["locked"][:, account] = number
    row["order_count"] = number % 4
    slots = 1 + (np.arange(number % 4) + number) % (ORDERS - 1)
    blocks["account_orders"][0, account, : number % 4] = slots
    blocks["orders"]["order_id"][slots] = number
    row["last_seq"] = number
    row["version"] += 1


def test_names_and_numbers_of_what_exists(blocks: dict[str, Any], board: Board) -> None:
    blocks["assets"][:2] = [(8, 1, b"BTC", 0), (6, 1, b"USD", 0)]
    blocks["instruments"]["symbol"][0] = b"BTCUSD"
    blocks["instruments"]["exists"][0] = 1
    blocks["terms"][0, 3] = 7
    blocks["accounts"]["name"][1] = b"alice"
    blocks["status"]["seq"] = 12
    assert board.assets() == [("BTC", 8), ("USD", 6)]
    assert board.symbols() == ["BTCUSD"]
    assert board.instrument(0)["symbol"] == b"BTCUSD"
    assert board.terms(0)[3] == 7
    assert board.account_name(1) == "alice"
    assert board.account_name(2) == board.account_name(99) == ""
    assert board.status()["seq"] == 12


def test_instruments_are_named_with_their_assets(blocks: dict[str, Any], board: Board) -> None:
    blocks["assets"][:2] = [(8, 1, b"BTC", 0), (6, 1, b"USD", 0)]
    blocks["instruments"]["symbol"][0] = b"BTCUSD"
    blocks["instruments"]["exists"][0] = 1
    terms = blocks["terms"][0]
    terms[InstrumentTerm.BASE_ASSET], terms[InstrumentTerm.QUOTE_ASSET] = 0, 1
    terms[InstrumentTerm.PRICE_DECIMALS], terms[InstrumentTerm.QTY_DECIMALS] = 2, 3
    coins, dollars = Asset(0, "BTC", 8), Asset(1, "USD", 6)
    assert assets_on(board) == [coins, dollars]
    (found,) = instruments_on(board)
    assert found == Instrument(0, "BTCUSD", coins, dollars, price_decimals=2, qty_decimals=3)
    assert (found.price(1_050), found.qty(1_500)) == ("10.50000000", "1.50000000")
    assert (found.turnover(1_575_000), coins.text(1)) == ("15.75000000", "0.00000001")


def test_an_account_comes_with_its_balances_orders_and_extras(
    blocks: dict[str, Any], board: Board
) -> None:
    change(blocks, 2, 7)
    blocks["orders"]["extra"][8] = 3
    blocks["extras"]["stop_px"][3] = 55
    view = board.account(2)
    assert view.last_seq == 7
    assert view.balances["free"].tolist() == [7] * BALANCES_A_LINE
    assert view.orders["order_id"].tolist() == [7, 7, 7]
    assert view.extras["stop_px"].tolist() == [55, 0, 0]


def test_what_was_read_is_a_copy(blocks: dict[str, Any], board: Board) -> None:
    change(blocks, 1, 3)
    publish(blocks, "depth", 0, 3)
    account, depth, status = board.account(1), board.depth(0), board.status()
    change(blocks, 1, 5)
    for number in range(4, 4 + DEPTH_SLOTS):
        publish(blocks, "depth", 0, number)
    blocks["status"]["seq"] = 9
    assert account.balances["free"].tolist() == [3] * BALANCES_A_LINE
    assert set(account.orders["order_id"].tolist()) == {3}
    assert set(depth.bids["price"].tolist()) == {3}
    assert status["seq"] == 0


def test_the_newest_snapshot_is_read(blocks: dict[str, Any], board: Board) -> None:
    for number in range(1, 3 * DEPTH_SLOTS):
        publish(blocks, "depth", 1, number)
        view = board.depth(1)
        assert (view.seq, view.update_id, view.at_ns) == (number, number, number)
        assert set(view.bids["price"].tolist()) == set(view.asks["qty"].tolist()) == {number}
        assert (len(view.bids), len(view.asks)) == (1 + number % LEVELS, 1 + number % 2)


class Overtaken:
    """Rows during whose first reading the matcher does something."""

    def __init__(self, rows: Any, meanwhile: Callable[[], None]) -> None:
        self._rows, self._meanwhile = rows, meanwhile

    def __getitem__(self, place: Any) -> Any:
        meanwhile, self._meanwhile = self._meanwhile, lambda: None
        meanwhile()
        return self._rows[place]


def test_a_snapshot_written_over_while_it_was_copied_is_read_anew(blocks: dict[str, Any]) -> None:
    publish(blocks, "depth", 0, 3)

    def overtake() -> None:
        for number in range(4, 4 + DEPTH_SLOTS):
            publish(blocks, "depth", 0, number)

    reading = {**blocks, "depth_levels": [Overtaken(blocks["depth_levels"][0], overtake)]}
    view = Board(lambda: reading).depth(0)
    assert view.seq == 3 + DEPTH_SLOTS
    assert set(view.bids["price"].tolist()) == {view.seq}


def test_an_account_changed_while_it_was_copied_is_read_anew(blocks: dict[str, Any]) -> None:
    change(blocks, 1, 3)
    reading = {**blocks, "balances": Overtaken(blocks["balances"], lambda: change(blocks, 1, 5))}
    account = Board(lambda: reading).account(1)
    assert account.balances["free"].tolist() == [5] * BALANCES_A_LINE
    assert set(account.orders["order_id"].tolist()) == {5}


def test_a_row_left_half_changed_by_a_dead_matcher_is_unreadable(
    blocks: dict[str, Any], board: Board
) -> None:
    blocks["accounts"]["version"][1] = 7
    with pytest.raises(Unreadable, match="account 1"):
        board.account(1)
    blocks["depth_heads"]["version"][0] = 7
    with pytest.raises(Unreadable, match="depth of instrument 0"):
        board.depth(0)


def test_garbage_slot_numbers_are_legal_to_read(blocks: dict[str, Any], board: Board) -> None:
    blocks["accounts"]["order_count"][1] = 4_000_000_000
    blocks["account_orders"][:, 1] = 4_000_000_000
    assert len(board.account(1).orders) == LISTED_A_LINE


# Deep snapshots


def test_a_deep_snapshot_is_asked_for_and_answers_once_it_is_new_enough(
    blocks: dict[str, Any], board: Board
) -> None:
    words = np.zeros(2, np.int64)
    deep = DeepRequests(board, words)
    blocks["status"]["seq"], blocks["instruments"]["update_id"] = 50, 40
    seq = deep.ask(1)
    assert words.tolist() == [0, 1]
    assert deep.answer(1, seq) is None
    publish(blocks, "deep", 1, 49)
    assert deep.answer(1, seq) is None
    publish(blocks, "deep", 1, 50)
    view = deep.answer(1, seq)
    assert view is not None
    assert view.seq == 50


def test_an_older_deep_snapshot_will_do_while_its_book_is_unchanged(
    blocks: dict[str, Any], board: Board
) -> None:
    words = np.zeros(2, np.int64)
    deep = DeepRequests(board, words)
    publish(blocks, "deep", 1, 30)
    blocks["instruments"]["update_id"][1] = 30
    blocks["status"]["seq"] = 99
    seq = deep.ask(1)
    assert not words.any()
    assert deep.answer(1, seq) is not None
    blocks["instruments"]["update_id"][1] = 31
    deep.ask(1)
    assert words.tolist() == [0, 1]


def test_a_queue_snapshot_that_is_overwritten_while_it_is_read_does_not_count(
    blocks: dict[str, Any], board: Board
) -> None:
    heads = rows_of(QueueHead, QUEUE_SLOTS)
    rows = np.zeros((QUEUE_SLOTS, ORDERS), QueuedOrder.dtype)
    heads["bids"], heads["update_id"] = 2, 40
    blocks["queue_count"] = np.array([1])
    blocks["queue_heads"], blocks["queue_orders"] = heads, rows
    view = board.queues(0)
    assert view is not None
    assert (view.update_id, len(view.bids), len(view.asks)) == (40, 2, 0)
    assert board.queues(1) is None

    def overwrite() -> None:
        heads["version"] += 2

    blocks["queue_orders"] = Overtaken(rows, overwrite)
    assert board.queues(0) is None


# Under load

SPEED_S = 1.5
PATIENCE_S = 60
ENOUGH = 100


def _write_without_end(run: Path) -> None:
    blocks = Blocks(run, 1)
    for name, array in empty().items():
        blocks.allocate(name, array.dtype, array.shape)
    blocks.publish()
    number = 0
    while True:
        number += 1
        change(blocks.arrays, 1, number)
        publish(blocks.arrays, "depth", 0, number)
        if number % 20 == 0:
            time.sleep(0.0001)  # the matcher's pause for its disk


def test_no_copy_is_torn_while_another_process_writes(tmp_path: Path) -> None:
    writer = multiprocessing.get_context("spawn").Process(
        target=_write_without_end, args=(tmp_path,), daemon=True
    )
    writer.start()
    reader = Reader(tmp_path)
    board = Board(reader.current)
    begun = time.monotonic()
    while True:
        try:
            if board.status() is not None and board.depth(0).seq > 100:
                break
        except shared.NotPublished:
            time.sleep(0.01)
        assert time.monotonic() < begun + PATIENCE_S
    seen = set()
    end = time.monotonic() + SPEED_S
    try:
        # Where the two take turns on one processor there is a fresh copy only now and then.
        while time.monotonic() < end or len(seen) <= ENOUGH:
            assert time.monotonic() < end + PATIENCE_S
            account, depth = board.account(1), board.depth(0)
            numbers = {*account.balances["free"].tolist(), *account.balances["locked"].tolist()}
            assert numbers == {account.last_seq}
            assert {*depth.bids["price"].tolist(), *depth.asks["order_count"].tolist()} == {
                depth.seq
            }
            assert len(depth.bids) == 1 + depth.seq % LEVELS
            seen.add(depth.seq)
    finally:
        writer.kill()
        writer.join()
        for path in Path("/dev/shm").glob(f"{tmp_path.name}-*"):
            path.unlink()
