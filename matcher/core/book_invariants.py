"""The part of `invariants.py` that walks books, and the places of orders outside them."""

from collections.abc import Iterator

import numpy as np

from matcher.core.aside_invariants import heap_faults, pending_faults, trigger_faults
from matcher.core.blocks import Array
from matcher.core.ladder_bits import marked, tier_faults
from matcher.core.rows import ELECTED, FOLLOWING, ICEBERG, IN_CALL, RESTING, WAITING, WATCHING
from protocol.terms import SessionPhase, Side

Blocks = dict[str, Array]


def book_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Return what is wrong with ladders, queues, bitmaps and best prices."""
    found = list(tier_faults(blocks))
    seen: list[int] = []
    for number in range(int(blocks["state"]["instruments"][0])):
        for side in Side:
            found += _side_faults(blocks, number, side, seen)
        market, row = blocks["markets"][number], blocks["instruments"][number]
        crossed = market["best_bid"] >= market["best_ask"]
        if row["phase"] == SessionPhase.CONTINUOUS and crossed:
            found.append(f"the book of instrument {number} is crossed")
    resting = slots[(blocks["orders"]["flags"][slots] & RESTING) != 0]
    if sorted(seen) != resting.tolist():
        found.append(f"{len(seen)} orders stand in queues, {len(resting)} are marked as resting")
    return found


def _side_faults(blocks: Blocks, number: int, side: int, seen: list[int]) -> Iterator[str]:
    market = blocks["markets"][number]
    name = f"instrument {number} {Side(side).name}"
    first = int(market["levels"] + side * market["level_count"])
    ladder = blocks["ladder"][first : first + int(market["level_count"])]
    positions = marked(blocks, market, side)
    if not (blocks["levels"]["order_count"][ladder[positions]] > 0).all():
        yield f"{name}: an empty level is marked in the bitmap"
    if np.count_nonzero(ladder) != len(positions):
        yield f"{name}: {np.count_nonzero(ladder)} levels, {len(positions)} marked in the bitmap"
    best = _best(positions, side, int(market["level_count"]))
    if best != (market["best_bid"] if side == Side.BUY else market["best_ask"]):
        yield f"{name}: the best level is {best}"
    for position in positions:
        yield from _level_faults(blocks, number, side, int(position), int(ladder[position]), seen)


def _best(positions: Array, side: int, level_count: int) -> int:
    if len(positions) == 0:
        return -1 if side == Side.BUY else level_count
    return int(positions[-1] if side == Side.BUY else positions[0])


def _level_faults(
    blocks: Blocks, number: int, side: int, position: int, row: int, seen: list[int]
) -> Iterator[str]:
    level, orders = blocks["levels"][row], blocks["orders"]
    name = f"instrument {number} {Side(side).name} level {position}"
    if level["position"] != position:
        yield f"{name}: its row says that it stands at {level['position']}"
    slot, before, shown, leaves, count = int(level["head"]), 0, 0, 0, 0
    while slot != 0 and count <= level["order_count"]:
        order = orders[slot]
        price = position * blocks["markets"]["tick_size"][number]
        here = (order["instrument"], order["side"], order["price"], order["level"])
        if here != (number, side, price, row) or order["prev"] != before:
            yield f"{name}: order {order['order_id']} does not belong here"
        shown += int(_shown(blocks, order))
        leaves += int(order["leaves_qty"])
        seen.append(slot)
        before, slot, count = slot, int(order["next"]), count + 1
    if (before, count) != (level["tail"], level["order_count"]):
        yield f"{name}: the queue has {count} orders, {level['order_count']} are counted"
    if shown != level["qty"] or leaves != level["qty"] + level["hidden_qty"]:
        yield f"{name}: shows {level['qty']}, its orders {shown}"


def _shown(blocks: Blocks, order: Array) -> int:
    if not order["flags"] & ICEBERG:
        return int(order["leaves_qty"])
    extra = blocks["extras"][order["extra"]]
    assert 0 < extra["visible_qty"] <= order["leaves_qty"], "an iceberg shows nothing, or too much"
    return int(extra["visible_qty"])


def place_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Return what is wrong with triggers, the heap of expiries, waiting orders and lists."""
    orders, extras, state = blocks["orders"], blocks["extras"], blocks["state"][0]
    places = extras["place"][orders["extra"][slots]]
    found = []
    for number in range(int(state["instruments"])):
        market = blocks["markets"][number]
        here = orders["instrument"][slots] == number
        watching = int((here & np.isin(places, (WATCHING, FOLLOWING))).sum())
        if watching != market["stops"]:
            found.append(f"instrument {number} counts {market['stops']} stops, not {watching}")
        chained = [
            slot
            for head in ("market_buys", "market_sells", "waiting")
            for slot in _chain(orders, int(market[head]))
        ]
        aside = slots[here & ((places == IN_CALL) | (places == WAITING))]
        if sorted(chained) != aside.tolist():
            found.append(f"instrument {number}: the orders aside of its book are not chained")
    if (places == ELECTED).any():
        found.append("an elected stop has not acted")
    timed = slots[extras["expire_ns"][orders["extra"][slots]] != 0]
    heap = blocks["expiries"][: int(state["expiries"])]
    if sorted(heap.tolist()) != timed.tolist():
        found.append("the heap of expiries does not hold exactly the live GTD orders")
    return found + trigger_faults(blocks) + heap_faults(blocks) + _list_faults(blocks, slots)


def _chain(orders: Array, first: int) -> list[int]:
    chain: list[int] = []
    while first != 0 and len(chain) < len(orders):
        chain.append(first)
        first = int(orders["next"][first])
    return chain


def _list_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Every live list has live legs that know it, and every member is a leg."""
    orders, extras, state = blocks["orders"], blocks["extras"], blocks["state"][0]
    found = []
    numbers = np.flatnonzero(blocks["lists"]["list_id"][: int(state["list_top"]) + 1])
    if len(numbers) != state["lists"]:
        found.append(f"{state['lists']} lists are counted, {len(numbers)} are live")
    found += pending_faults(blocks, numbers)
    members = 0
    for number in numbers:
        legs = [int(slot) for slot in blocks["list_legs"][number] if slot]
        members += len(legs)
        if len(legs) != blocks["lists"]["live"][number] or not legs:
            found.append(f"list {number} has {len(legs)} live legs")
        if any(extras["list"][orders["extra"][slot]] != number for slot in legs):
            found.append(f"list {number} has a leg that does not know it")
    if members != int((extras["list"][orders["extra"][slots]] != 0).sum()):
        found.append("an order belongs to a list that does not have it as a leg")
    return found
