"""Read what a recorded flow says about its market, in the words of `crowd/measures.py`."""

from collections.abc import Sequence

from commands.price_time import PriceTimeBook
from commands.steps import Amend, Cancel, Check, Enter, Skip, Step
from crowd.measures import LEVELS, Record, Sample
from protocol.terms import Side

_SECOND_NS = 1_000_000_000


def record_of(steps: Sequence[Step]) -> Record:
    """Follow a flow with a plain book; one sample a second, between the first and the last step."""
    record, book = Record(), PriceTimeBook()
    next_ns = steps[0].at_ns + _SECOND_NS if steps else 0
    for step in steps:
        while step.at_ns >= next_ns:
            _sample(record, book)
            next_ns += _SECOND_NS
        _follow(record, book, step)
    return record


def _follow(record: Record, book: PriceTimeBook, step: Step) -> None:
    match step:
        case Enter(hit="", ioc=False):
            book.enter(step.order, step.side, step.price, step.qty)
            # What rested before the file begins was entered at some other time.
            record.limit_orders += not step.note
        case Enter():
            book.fill(step.hit, step.qty)
            record.takers += 1
            record.trade_qtys.append(step.qty)
        case Cancel():
            book.remove(step.order)
            record.cancels += 1
        case Amend():
            book.amend(step.order, book.orders[step.order].qty - step.qty)
            record.cancels += 1
        case Check() | Skip():
            pass


def _sample(record: Record, book: PriceTimeBook) -> None:
    bids, asks = book.depth(Side.BUY, LEVELS), book.depth(Side.SELL, LEVELS)
    if bids and asks:
        qtys = (tuple(qty for _, qty in bids), tuple(qty for _, qty in asks))
        record.samples.append(Sample(bids[0][0], asks[0][0], *qtys))
