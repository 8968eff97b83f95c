"""Whole books on a host without a matcher: right, or not shown at all."""

from random import Random

import pytest

from broadcaster.mirror_books import Books
from protocol.terms import EventKind, Side
from tests.market_events import HandMarket

SEEDS = range(20)


def _move(market: HandMarket, dice: Random) -> None:
    side = dice.choice((Side.BUY, Side.SELL))
    price = 100 + dice.randint(0, 9) * (-1 if side == Side.BUY else 1) + (side == Side.SELL)
    qty = dice.randint(0, 4)
    with market.command():
        if market.books[0][side].get(price, 0) != qty:
            market.level(side, price, qty)
        else:
            market.other(EventKind.ACCOUNT_ADDED)


def _is_the_books(books: Books, market: HandMarket) -> bool:
    view, true = books.view(0, 1, 1), market.depth(0, levels=1000)
    return view is not None and all(
        (seen["price"].tolist(), seen["qty"].tolist(), view.update_id)
        == (rows["price"].tolist(), rows["qty"].tolist(), true.update_id)
        for seen, rows in ((view.bids, true.bids), (view.asks, true.asks))
    )


@pytest.mark.property
@pytest.mark.parametrize("seed", SEEDS)
def test_a_book_is_right_or_not_shown_whatever_is_lost(seed):
    dice, market, books = Random(seed), HandMarket(), Books()
    books.load([(0, market.depth(0))])
    for _ in range(300):
        _move(market, dice)
        rows = market.rows()
        if dice.random() < 0.9:
            books.take(rows)
        if dice.random() < 0.1:
            # A snapshot may be older than what waits; it may not be taken twice.
            view = market.depth(0, levels=1000)
            for _ in range(dice.randint(0, 3)):
                _move(market, dice)
                books.take(market.rows())
            books.load([(0, view)])
        if (
            books.view(0, 1, 1) is not None
            and books.view(0, 1, 1).update_id == market.update_ids[0]
        ):
            assert _is_the_books(books, market)
    books.load([(0, market.depth(0, levels=1000))])
    assert books.are_whole
    last = books.view(0, 1, 1)
    assert last is not None
    assert last.update_id <= market.update_ids[0]


def test_a_change_that_does_not_follow_hides_the_book_until_a_snapshot_holds_it():
    market, books = HandMarket(), Books()
    books.load([(0, market.depth(0))])
    for price in (100, 99):
        with market.command():
            market.level(Side.BUY, price, 5)
    rows = market.rows()
    books.take(rows[1:])
    assert books.view(0, 1, 1) is None
    assert not books.are_whole
    books.load([(0, market.depth(0))])
    assert _is_the_books(books, market)


def test_a_new_instrument_begins_with_an_empty_book():
    market, books = HandMarket(instruments=2), Books()
    with market.command():
        market.level(Side.BUY, 100, 5, instrument=1)
    books.take(market.rows())
    view = books.view(1, 7, 8)
    assert view is not None
    assert (view.bids["price"].tolist(), view.complete, view.seq) == ([100], True, 7)
