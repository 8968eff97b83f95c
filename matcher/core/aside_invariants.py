"""The part of `invariants.py` that walks what watches the price or waits for the clock.

Trigger ladders: a level's bit is set exactly when stops stand in it; they stand nearest trigger price
first, then earliest activation; every watching stop is in exactly one level, tracks without an extreme,
or is in the group of one that stands there. Groups are heaps by delta, chained by their
extremes. Expiries are a heap. Lists with pending legs are chained to their instrument.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from matcher.core.blocks import Array
from matcher.core.ladder_bits import marked
from matcher.core.rows import FOLLOWING, WATCHING
from matcher.core.terms import FULL_SHARE
from matcher.core.triggers import FALLING, RISING
from protocol.terms import OrdType, Side

Blocks = dict[str, Array]


def trigger_faults(blocks: Blocks) -> list[str]:
    """Return what is wrong with the trigger ladders and the chains of trailing stops."""
    orders, extras = blocks["orders"], blocks["extras"]
    found: list[str] = []
    for number in range(int(blocks["state"]["instruments"][0])):
        market = blocks["markets"][number]
        standing: list[int] = []
        for way in (RISING, FALLING):
            found += _ladder_faults(blocks, number, way, standing)
        tails = (int(market["rising_tail"]), int(market["falling_tail"]))
        chains = [_chain_back(blocks, tail) for tail in tails]
        for chain, rising in zip(chains, (True, False), strict=True):
            found += _chain_faults(blocks, number, chain, rising=rising)
        chained = [slot for chain in chains for slot in chain]
        untracked = [slot for slot in chained if not _extreme(blocks, slot)]
        live = np.flatnonzero(orders["order_id"][: int(blocks["state"]["order_top"][0]) + 1])
        here = live[orders["instrument"][live] == number]
        places = extras["place"][orders["extra"][here]]
        watching = here[places == WATCHING].tolist()
        if sorted(standing + untracked) != watching:
            found.append(f"instrument {number}: its watching stops are not all in its ladders")
        tracking = [slot for slot in watching if _tracks(blocks, slot)]
        if sorted(chained) != tracking:
            found.append(f"instrument {number}: its trailing stops are not all chained")
        following = [slot for top in chained for slot in _group(blocks, top, found)]
        if sorted(following) != here[places == FOLLOWING].tolist():
            found.append(f"instrument {number}: its trailing stops are not all in their groups")
    return found


def _ladder_faults(blocks: Blocks, number: int, way: int, standing: list[int]) -> Iterator[str]:
    market, extras = blocks["markets"][number], blocks["extras"]
    name = f"instrument {number} {'RISING' if way == RISING else 'FALLING'}"
    count = int(market["level_count"])
    first = int(market["levels"]) + (way - RISING) * count
    filled = np.flatnonzero(blocks["triggers"]["head"][first : first + count])
    if not np.array_equal(marked(blocks, market, way), filled):
        yield f"{name}: the bitmap does not mark exactly the levels with stops"
    for place in filled.tolist():
        row, before, one = blocks["triggers"][first + place], 0, 0
        one = int(row["head"])
        keys: list[tuple[int, int]] = []
        while one and len(keys) <= len(extras):
            extra = extras[one]
            if extra["trigger_prev"] != before or not _belongs(blocks, one, number, way, place):
                yield f"{name} level {place}: order {_order_id(blocks, one)} does not belong here"
            nearer = 1 if way == RISING else -1
            keys.append((nearer * int(extra["trigger_px"]), int(extra["active_since"])))
            standing.append(int(extra["order"]))
            before, one = one, int(extra["trigger_next"])
        if before != row["tail"] or keys != sorted(keys):
            yield f"{name} level {place}: its stops are out of order"


def _belongs(blocks: Blocks, one: int, number: int, way: int, place: int) -> bool:
    """Say whether a stop, given by its extra row, stands at its trigger price, on its ladder."""
    extra = blocks["extras"][one]
    order, market = blocks["orders"][extra["order"]], blocks["markets"][number]
    buys = order["side"] == Side.BUY
    price = int(extra["stop_px"])
    rises = buys == (order["ord_type"] in (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT))
    if _tracks(blocks, int(extra["order"])):
        bips, extreme = int(extra["trailing_bips"]), int(extra["trailing_extreme"])
        rises = buys
        falls_to = extreme * (FULL_SHARE - bips) // FULL_SHARE
        price = -(-extreme * (FULL_SHARE + bips) // FULL_SHARE) if buys else falls_to
    position = min(price // int(market["tick_size"]), int(market["level_count"]) - 1)
    here = order["instrument"] == number and extra["trigger_px"] == price
    return bool(here and position == place and way == (RISING if rises else FALLING))


def _tracks(blocks: Blocks, slot: int) -> bool:
    extra = blocks["extras"][blocks["orders"]["extra"][slot]]
    return bool(extra["trailing_bips"] and (extra["stop_px"] == 0 or extra["trailing_extreme"]))


def _chain_back(blocks: Blocks, tail: int) -> list[int]:
    """Return a chain of trailing stops from its tail, as order rows."""
    chain: list[int] = []
    while tail and len(chain) <= len(blocks["orders"]):
        chain.append(tail)
        tail = int(blocks["orders"]["prev"][tail])
    return chain


def _chain_faults(blocks: Blocks, number: int, chain: list[int], *, rising: bool) -> Iterator[str]:
    """The extremes that a price overtakes first stand at the tail."""
    extremes = [_extreme(blocks, slot) for slot in chain]
    if extremes != sorted(extremes, reverse=rising):
        yield f"instrument {number}: its trailing stops are not chained by their extremes"
    if any(blocks["orders"]["next"][one] != other for other, one in pairwise(chain)):
        yield f"instrument {number}: its trailing stops are not linked both ways"


def _group(blocks: Blocks, top: int, found: list[str]) -> list[int]:
    """Return those for which the top of a group stands, and note what is wrong with their heap."""
    extras, orders = blocks["extras"], blocks["orders"]
    members: list[int] = []
    parents = [int(orders["extra"][top])]
    while parents and len(members) <= len(orders):
        parent = parents.pop()
        before, child = parent, int(extras["below"][parent])
        while child and len(members) <= len(orders):
            slot = int(extras["order"][child])
            members.append(slot)
            in_order = _delta(extras[parent]) < _delta(extras[child])
            beside = (orders["side"][slot], orders["instrument"][slot])
            if extras["trigger_prev"][child] != before or not in_order:
                found.append(f"order {orders['order_id'][slot]} is out of order in its group")
            if beside != (orders["side"][top], orders["instrument"][top]):
                found.append(f"order {orders['order_id'][slot]} is in another's group")
            parents.append(child)
            before, child = child, int(extras["trigger_next"][child])
    return members


def _delta(extra: Array) -> tuple[int, int]:
    return int(extra["trailing_bips"]), int(extra["active_since"])


def _extreme(blocks: Blocks, slot: int) -> int:
    return int(blocks["extras"]["trailing_extreme"][blocks["orders"]["extra"][slot]])


def _order_id(blocks: Blocks, one: int) -> int:
    return int(blocks["orders"]["order_id"][blocks["extras"]["order"][one]])


def heap_faults(blocks: Blocks) -> list[str]:
    """Return what is wrong with the order of the expiries."""
    orders, extras = blocks["orders"], blocks["extras"]
    heap = [int(slot) for slot in blocks["expiries"][: int(blocks["state"]["expiries"][0])]]
    due = [(int(extras["expire_ns"][orders["extra"][s]]), int(orders["order_id"][s])) for s in heap]
    found = []
    if any(due[place] < due[(place - 1) // 2] for place in range(1, len(due))):
        found.append("the expiries are no heap")
    if any(extras["expiry_pos"][orders["extra"][s]] != n for n, s in enumerate(heap, start=1)):
        found.append("an order does not know its place among the expiries")
    return found


def pending_faults(blocks: Blocks, numbers: Array) -> list[str]:
    """Return what is wrong with the chains of lists whose legs are pending."""
    lists, found = blocks["lists"], []
    for instrument in range(int(blocks["state"]["instruments"][0])):
        chain: list[int] = []
        number = int(blocks["markets"]["pending"][instrument])
        while number and len(chain) <= len(lists):
            chain.append(number)
            number = int(lists["later"][number])
        wanted = [n for n in numbers.tolist() if lists["pending"][n]]
        wanted = [n for n in wanted if lists["instrument"][n] == instrument]
        if sorted(chain) != wanted:
            found.append(f"instrument {instrument}: its lists with pending legs are not chained")
    return found
