"""Make again what follows from the saved rows: the indexes, the ladders of the books, and the bitmaps of all ladders.

The second half of a restore (`saving.py` has the first). Hash tables are filled anew and not saved,
because every life of the matcher has a hash seed of its own.
"""

from matcher.core.indexes import put, put_id, text_entry, text_tag
from matcher.core.kernel import entry, has_text, kernel, memory_at
from matcher.core.marks import cell_at, set_mark, trigger_mark
from matcher.core.rows import FINISHED, RESTING, WATCHING
from matcher.core.state import Core
from protocol.board import OrderRow

core_at = memory_at(Core)


@entry
def rebuild_indexes(memory: int, _first: int, _second: int) -> int:
    """Fill the empty indexes and bitmaps from the rows; return how many orders are live."""
    core = core_at(memory)
    live = 0
    for slot in range(1, core.state.order_top + 1):
        order = core.orders[slot]
        if order.order_id != 0:
            live += 1
            put_id(core, order.order_id, slot)
            if has_text(order.cl_ord_id):
                put(core.text_index, core.limits.text_mask, text_entry(core, order, slot))
            _mark_place(core, order, slot)
    for number in range(core.state.finished_count):
        _index_finished(core, (core.state.finished_first + number) % core.limits.dedupe_capacity)
    for number in range(core.state.reference_count):
        place = (core.state.reference_first + number) % core.limits.references
        entry_of_row = (core.references[place].tag << 32) | place + 1
        put(core.reference_index, core.limits.reference_mask, entry_of_row)
    return live


@kernel
def _mark_place(core: Core, order: OrderRow, slot: int) -> None:
    """Mark the level of an order that is the first there: of a book side, or of a trigger ladder."""
    market = core.markets[order.instrument]
    if order.flags & RESTING:
        level = core.levels[order.level]
        if level.head == slot:
            cell = cell_at(market, order.side, level.position)
            core.ladder[cell] = order.level
            set_mark(core, cell)
    # A trailing stop that has seen no trade yet stands at no price: it is first nowhere.
    elif (
        core.extras[order.extra].place == WATCHING
        and core.triggers[order.level].head == order.extra
    ):
        set_mark(core, trigger_mark(core, order.level))


@kernel
def _index_finished(core: Core, place: int) -> None:
    row = core.finished[place]
    row.tag = text_tag(core, row.account, row.instrument, row.cl_ord_id)
    put(core.text_index, core.limits.text_mask, (row.tag << 32) | FINISHED | place)
