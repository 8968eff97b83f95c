"""Walk everything and say what is wrong: for tests, the simulator and `journal verify --deep`.

Nothing here is fast and nothing is taken from the core's own functions: the same facts are found a
second way, from the rows. `check` returns one sentence per fault, none when all is well.
"""

from collections import Counter
from typing import TYPE_CHECKING, cast

import numpy as np

from matcher.core import interpreted
from matcher.core.accounts import STOPS
from matcher.core.blocks import Array, TextView
from matcher.core.book_invariants import book_faults, place_faults
from matcher.core.indexes import LOW, SPREAD
from matcher.core.rows import FINISHED, ICEBERG, LISTED, OWN_HOLD, SHARED_HOLD, WORKING
from protocol.board import LISTED_A_LINE, by_account, lines_for
from protocol.terms import Side

if TYPE_CHECKING:
    from matcher.core.engine import Engine

Blocks = dict[str, Array]


def check(engine: "Engine") -> list[str]:
    """Return every fault found between two commands."""
    blocks = engine.blocks
    slots = live_slots(blocks)
    return [
        *_row_faults(blocks, slots),
        *_account_faults(blocks, slots),
        *_id_index_faults(blocks, slots),
        *_text_index_faults(blocks, slots),
        *_money_faults(blocks, slots),
        *_count_faults(blocks, slots),
        *book_faults(blocks, slots),
        *place_faults(blocks, slots),
    ]


def live_slots(blocks: Blocks) -> Array:
    """Return the rows of all live orders, ascending."""
    top = int(blocks["state"]["order_top"][0]) + 1
    return np.flatnonzero(blocks["orders"]["order_id"][:top])


def _free_levels(blocks: Blocks) -> list[int]:
    """Return the free rows of `levels` among those that were ever used."""
    state = blocks["state"][0]
    number = int(state["free_level"])
    free: list[int] = []
    while number <= state["level_top"] and len(free) <= state["level_top"]:
        free.append(number)
        number = (number + 1 + int(blocks["levels"]["head"][number])) & LOW
    return free


def _row_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Rows are live or free, never both and never lost."""
    state, orders, extras = blocks["state"][0], blocks["orders"], blocks["extras"]
    found = []
    if len(slots) != state["orders"]:
        found.append(f"{state['orders']} orders are counted, {len(slots)} are live")
    free = _chain(orders["next"], int(state["free_order"]))
    if len(free) + len(slots) != state["order_top"] or set(free) & set(slots.tolist()):
        found.append(f"{len(free)} free and {len(slots)} live rows of {state['order_top']} used")
    if not (orders["flags"][slots] & LISTED).all():
        found.append("a live order is not listed")
    free, live = _free_levels(blocks), int((blocks["levels"]["order_count"] != 0).sum())
    if len(free) + live != state["level_top"]:
        found.append(f"{len(free)} free and {live} live levels of {state['level_top']} used")
    with_extra = slots[orders["extra"][slots] != 0]
    numbers = orders["extra"][with_extra]
    if not (extras["order"][numbers] == with_extra).all():
        found.append("an extra row belongs to another order")
    free_extras = _chain(extras["order"], int(state["free_extra"]))
    if len(free_extras) + len(numbers) != state["extra_top"]:
        found.append(f"{len(free_extras)} free, {len(numbers)} used of {state['extra_top']} extras")
    slices = int(extras["slices"][numbers].sum())
    if slices != state["slices"]:
        found.append(f"{state['slices']} slices are counted, {slices} there")
    return found


def _chain(links: Array, first: int) -> list[int]:
    chain: list[int] = []
    while first != 0 and len(chain) < len(links):
        chain.append(first)
        first = int(links[first])
    return chain


def _account_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Every account's list holds its live orders, each where it says it is."""
    accounts, orders = blocks["accounts"], blocks["orders"]
    used = int(blocks["state"]["accounts"][0])
    longest = int(accounts["order_count"][:used].max())
    listed = by_account(blocks["account_orders"][: lines_for(longest, LISTED_A_LINE)])
    found = []
    if (accounts["version"][:used] & 1).any():
        found.append("an account is marked as changing")
    for slot in slots:
        order = orders[slot]
        count = accounts["order_count"][order["account"]]
        place = order["account_pos"]
        if place >= count or listed[order["account"], place] != slot:
            found.append(f"order {order['order_id']} is not in its account's list")
    if int(accounts["order_count"][:used].sum()) != len(slots):
        found.append("the accounts' lists hold more than the live orders")
    return found


def _index_faults(index: Array, name: str) -> list[str]:
    """Robin Hood: nobody is further from home than who comes after him, but by one."""
    mask = len(index) - 1
    places = np.flatnonzero(index)
    homes = (index[places] >> np.uint64(32)).astype(np.int64) & mask
    distance = np.zeros(len(index), np.int64) - 1
    distance[places] = (places - homes) & mask
    if (distance[places] > np.roll(distance, 1)[places] + 1).any():
        return [f"the {name} has a gap or is out of order"]
    return []


def _id_index_faults(blocks: Blocks, slots: Array) -> list[str]:
    """Every live order is found by its id, in its cell or, when that is another's, in the index."""
    index, table = blocks["id_index"], blocks["id_slots"]
    found = _index_faults(index, "id index")
    ids = blocks["orders"]["order_id"]
    mask = len(table) - 1
    aside = {int(slot) for slot in slots if table[ids[slot] & mask] != slot}
    if np.count_nonzero(table) != len(slots) - len(aside):
        found.append("the table of ids leads elsewhere than to live orders")
    wanted = {_id_tag(int(ids[slot])) << 32 | slot for slot in aside}
    if set(index[index != 0].tolist()) != wanted:
        found.append("the id index does not lead to exactly the orders that have no cell")
    return found


def _id_tag(order_id: int) -> int:
    return (interpreted.fold(order_id >> 3, SPREAD) << 3 | order_id & 7) & LOW


def _text_index_faults(blocks: Blocks, slots: Array) -> list[str]:
    index = blocks["text_index"]
    found = _index_faults(index, "text index")
    orders, state = blocks["orders"], blocks["state"][0]
    wanted = {
        _text_tag(blocks, orders[slot : slot + 1]) << 32 | int(slot)
        for slot in slots
        if orders["cl_ord_id"][slot]
    }
    ring = blocks["finished"]
    for number in range(int(state["finished_count"])):
        place = (int(state["finished_first"]) + number) % len(ring)
        wanted.add(_text_tag(blocks, ring[place : place + 1]) << 32 | FINISHED | place)
    if set(index[index != 0].tolist()) != wanted:
        found.append("the text index does not lead to exactly the live and the remembered ids")
    return found


def _text_tag(blocks: Blocks, row: Array) -> int:
    seed = int(blocks["limits"]["index_seed"][0])
    account, instrument = int(row["account"][0]), int(row["instrument"][0])
    scope = interpreted.fold(account << 16 | instrument, SPREAD ^ seed)
    words = cast("bytes", TextView(row["cl_ord_id"].view("<i8")))
    return interpreted.fold_text(scope, words) & LOW


def _money_faults(blocks: Blocks, slots: Array) -> list[str]:
    """No balance is negative, what is locked is held, and nothing was made or lost (R-3)."""
    balances, state = by_account(blocks["balances"]), blocks["state"][0]
    used = balances[: state["accounts"], : state["assets"]]
    found = []
    if (used["free"] < 0).any() or (used["locked"] < 0).any():
        found.append("a balance is negative")
    held = np.zeros(used.shape, np.int64)
    for slot in slots:
        account, asset, amount = _held_by(blocks, int(slot))
        held[account, asset] += amount
    if not (held == used["locked"]).all():
        account, asset = np.argwhere(held != used["locked"])[0]
        locked = used["locked"][account, asset]
        found.append(
            f"account {account} has {locked} of asset {asset} locked, "
            f"its orders hold {held[account, asset]}"
        )
    totals = used["free"].sum(axis=0) + used["locked"].sum(axis=0)
    if not (totals == blocks["totals"][: state["assets"]]).all():
        found.append("an asset's balances do not add up to deposits less withdrawals")
    return found


def _held_by(blocks: Blocks, slot: int) -> tuple[int, int, int]:
    """Return account, asset and amount of what an order holds; an OCO's first live leg has all."""
    order = blocks["orders"][slot]
    market = blocks["markets"][order["instrument"]]
    buys = order["side"] == Side.BUY
    asset = market["quote_asset"] if buys else market["base_asset"]
    if order["flags"] & SHARED_HOLD:
        number = blocks["extras"]["list"][order["extra"]]
        shared = [leg for leg in blocks["list_legs"][number] if leg and _shares(blocks, leg)]
        amount = blocks["lists"]["hold"][number] if shared[0] == slot else 0
    elif order["flags"] & OWN_HOLD:
        amount = blocks["extras"]["hold"][order["extra"]]
    elif buys:
        amount = order["price"] * order["leaves_qty"] * market["quote_scale"]
    else:
        amount = order["leaves_qty"] * market["base_scale"]
    return int(order["account"]), int(asset), int(amount)


def _shares(blocks: Blocks, slot: int) -> bool:
    return bool(blocks["orders"]["flags"][slot] & SHARED_HOLD)


def _count_faults(blocks: Blocks, slots: Array) -> list[str]:
    """What accounts have open is right wherever a limit needs it (R-4)."""
    orders = blocks["orders"]
    found = []
    for number in range(int(blocks["state"]["instruments"][0])):
        if not blocks["markets"]["counted"][number]:
            continue
        wanted: Counter[tuple[str, int]] = Counter()
        for order in orders[slots[orders["instrument"][slots] == number]]:
            account = int(order["account"])
            waits = STOPS >> int(order["ord_type"]) & 1 and not order["flags"] & WORKING
            wanted["orders", account] += 1
            wanted["icebergs", account] += bool(order["flags"] & ICEBERG)
            wanted["algos", account] += bool(waits)
            wanted["buy_qty", account] += int(order["leaves_qty"]) * (order["side"] == Side.BUY)
        counts = blocks["counts"][: blocks["state"]["accounts"][0], number]
        for name in ("orders", "icebergs", "algos", "buy_qty"):
            for account, count in enumerate(counts[name]):
                if count != wanted[name, account]:
                    found.append(
                        f"account {account} counts {count} {name}, not {wanted[name, account]}"
                    )
    return found
