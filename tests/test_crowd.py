"""The simulated traders: the same seed gives the same market, and every order is one that an exchange takes."""

import itertools
import random
import statistics

import pytest

from commands import core_crowd
from crowd.character import CHARACTERS
from crowd.crowd import Crowd, names, round_s
from crowd.desk import Desk, Scene
from crowd.fair_value import DAY_S, FairValue
from crowd.intents import Cancel, Listing, Outcome, Place, Style, View
from crowd.measures import measure
from crowd.traders import make_market, trade_at_random
from protocol.terms import SessionPhase, Side

BTC = Listing("BTCUSDT", "BTC", "USDT", 2, 5, 1, 1, 5)
STOCK = Listing("AAPLUSD", "AAPL", "USD", 2, 0, 5, 10, 0)
QUIET = {one.symbol: View(0, 0) for one in (BTC, STOCK)}


def rest_all(intents):
    """A market in which everything rests and nothing trades."""
    return [Outcome(leaves=one.qty) if isinstance(one, Place) else Outcome() for one in intents]


def rounds(people, views, count):
    for _ in range(count):
        intents = people.act(views)
        people.hear(intents, rest_all(intents))
        yield intents


def test_the_same_seed_and_answers_give_the_same_orders():
    streams = [list(rounds(Crowd([BTC, STOCK], seed=7, rate=100), QUIET, 200)) for _ in range(2)]
    assert streams[0] == streams[1]
    other = list(rounds(Crowd([BTC, STOCK], seed=8, rate=100), QUIET, 200))
    assert other != streams[0]


def test_a_market_trades_alike_whichever_others_there_are():
    both = Crowd([BTC, STOCK], seed=7, rate=100)
    for _ in rounds(both, QUIET, 50):
        pass
    alone = Crowd([STOCK], seed=7, rate=100)
    for _ in rounds(alone, QUIET, 50):
        pass
    assert both.fair_price("AAPLUSD") == alone.fair_price("AAPLUSD")


@pytest.mark.parametrize("rate", [20, 500, 10_000])
def test_the_rate_is_met_on_the_average(rate):
    people = Crowd([BTC, STOCK], seed=3, rate=rate)
    count = 500
    sent = sum(map(len, rounds(people, {s: View(0, 0) for s in QUIET}, count)))
    seconds = count * round_s(rate)
    # Storms and calms make minutes differ from each other; that is meant.
    assert 0.7 * rate < sent / seconds < 1.4 * rate


def test_orders_are_on_the_grid_and_worth_enough():
    people = Crowd([BTC, STOCK], seed=5, rate=200)
    views = {"BTCUSDT": View(5_999_900, 6_000_100), "AAPLUSD": View(22_995, 23_010)}
    placed = [one for some in rounds(people, views, 300) for one in some if isinstance(one, Place)]
    assert {one.style for one in placed} >= {Style.REST, Style.MARKET}
    for one in placed:
        listing = BTC if one.symbol == "BTCUSDT" else STOCK
        assert one.price % listing.tick == 0
        assert (one.price == 0) == (one.style == Style.MARKET)
        assert one.qty > 0
        assert one.qty % listing.lot == 0
        if one.price and listing is BTC:
            assert one.price / 100 * one.qty / 100_000 > BTC.min_notional


@pytest.mark.parametrize(("rate", "count"), [(300, 300), (10_000, 60)])
def test_nobody_cancels_what_he_does_not_have(rate, count):
    people, live = Crowd([BTC, STOCK], seed=9, rate=rate), set()
    views = {"BTCUSDT": View(5_999_900, 6_000_100), "AAPLUSD": View(22_995, 23_010)}
    for intents in rounds(people, views, count):
        for one in intents:
            if isinstance(one, Cancel):
                assert one.number in live
                live.remove(one.number)
            else:
                live.add(one.number)


def test_what_a_trader_wants_of_a_round_stands_together_his_cancels_first():
    people = Crowd([BTC, STOCK], seed=9, rate=10_000)
    views = {"BTCUSDT": View(5_999_900, 6_000_100), "AAPLUSD": View(22_995, 23_010)}
    *_, intents = rounds(people, views, 20)
    wanted = [(one.trader, type(one)) for one in intents]
    pieces = [piece for piece, _ in itertools.groupby(wanted)]
    assert len(pieces) == len(set(pieces)) < len(intents) / 4
    for trader in {trader for trader, _ in pieces}:
        kinds = [kind for who, kind in pieces if who == trader]
        assert kinds in ([Cancel, Place], [Cancel], [Place])
    # Of both markets at once.
    pieces_of = itertools.groupby(intents, lambda one: (one.trader, type(one)))
    assert {"BTCUSDT", "AAPLUSD"} in [{one.symbol for one in piece} for _, piece in pieces_of]


@pytest.mark.parametrize(
    ("phase", "style"),
    [
        (SessionPhase.OPENING_AUCTION, Style.OPENING),
        (SessionPhase.CLOSING_AUCTION, Style.CLOSING),
    ],
)
def test_in_a_call_orders_wait_for_the_auction(phase, style):
    people = Crowd([STOCK], seed=2, rate=200)
    view = {"AAPLUSD": View(22_995, 23_010, phase)}
    placed = [one for some in rounds(people, view, 200) for one in some if isinstance(one, Place)]
    assert {one.style for one in placed} == {style, Style.REST}
    buys = [one.price for one in placed if one.side == Side.BUY]
    sells = [one.price for one in placed if one.side == Side.SELL]
    assert max(buys) > min(sells)


@pytest.mark.parametrize("phase", [SessionPhase.PRE_OPEN, SessionPhase.CLOSED, SessionPhase.HALTED])
def test_while_the_market_is_closed_nobody_trades(phase):
    people = Crowd([STOCK], seed=2, rate=200)
    assert not any(rounds(people, {"AAPLUSD": View(0, 0, phase)}, 100))


def test_a_refused_cancel_means_that_the_order_was_filled():
    desk = Desk(0, random.Random(1), itertools.count(1))
    scene = Scene(BTC, CHARACTERS["BTCUSDT"], View(0, 0), 6_000_000.0, 1.0, 0.0)
    order = desk.place(scene, Side.BUY, Style.REST, 6_000_000, 5_000)
    desk.heard(scene, order, Outcome(filled=1_000, leaves=4_000))
    assert desk.inventory == pytest.approx(0.2)
    desk.heard(scene, desk.cancel(scene, order.number), Outcome(refusal="Unknown order sent."))
    # 0.05 BTC at 60,000 are 3,000 USDT: one typical order.
    assert desk.inventory == pytest.approx(1.0)
    assert not desk.live


def test_the_fair_price_stays_near_home_for_months():
    fair = FairValue(random.Random(4), 100.0, 0.03)
    prices = [fair.advance(600) for _ in range(60 * 144)]
    assert 60 < min(prices) < 95
    assert 105 < max(prices) < 170


def test_the_fair_price_has_calm_and_stormy_times():
    fair = FairValue(random.Random(6), 100.0, 0.03)
    prices = [100.0] + [fair.advance(1) for _ in range(40_000)]
    moves = [abs(later / earlier - 1) for earlier, later in itertools.pairwise(prices)]
    mean, spread = statistics.fmean(moves), statistics.pvariance(moves)
    together = statistics.fmean(
        (a - mean) * (b - mean) for a, b in zip(moves, moves[30:], strict=False)
    )
    assert together / spread > 0.05
    daily = statistics.pstdev(moves) * DAY_S**0.5
    assert 0.01 < daily < 0.1


def test_a_crowd_keeps_a_two_sided_market_in_the_core():
    done = core_crowd.run([BTC, STOCK], seed=1, rate=60, seconds=45)
    for symbol, record in done.records.items():
        figures = {one.name: one.value for one in measure(record)}
        assert len(record.samples) > 35, symbol
        assert 0 < figures["spread, median, bips"] < 20
        assert 0.5 < figures["cancels / limit orders"] <= 1
        assert figures["limit orders / taking orders"] > 2
        for sample in record.samples:
            assert sample.bid < sample.ask


def test_a_run_in_the_core_can_be_repeated():
    once, again = (core_crowd.run([STOCK], seed=11, rate=30, seconds=15) for _ in range(2))
    assert once.records == again.records


def scene_of(symbol, view, fair):
    listing = BTC if symbol == "BTCUSDT" else STOCK
    return Scene(listing, CHARACTERS[symbol], view, fair, 1.0, 0.0)


def turns(rules, scene, count):
    for seed in range(count):
        yield from rules(Desk(0, random.Random(seed), itertools.count(1)), scene)


def test_a_maker_of_stocks_takes_what_stands_on_the_wrong_side_of_his_guess():
    cheap = scene_of("AAPLUSD", View(22_900, 22_950), 23_000.0)
    taken = [one for one in turns(make_market, cheap, 50) if one.style == Style.TAKE]
    assert len(taken) == 50
    assert {one.side for one in taken} == {Side.BUY}
    # Never far above what he takes for fair: the guess errs by 0.4 bips, which is a cent.
    assert all(22_950 <= one.price <= 23_010 for one in taken)
    fair = scene_of("AAPLUSD", View(22_990, 23_010), 23_000.0)
    assert all(one.style == Style.REST for one in turns(make_market, fair, 50))


def test_a_maker_of_a_lively_market_only_quotes():
    cheap = scene_of("BTCUSDT", View(5_900_000, 5_950_000), 6_000_000.0)
    assert all(one.style == Style.REST for one in turns(make_market, cheap, 50))


def test_nobody_buys_stocks_at_random_while_the_spread_is_wide():
    usual = scene_of("AAPLUSD", View(22_995, 23_005), 23_000.0)
    wide = scene_of("AAPLUSD", View(22_950, 23_050), 23_000.0)
    assert Style.MARKET in {one.style for one in turns(trade_at_random, usual, 100)}
    assert Style.MARKET not in {one.style for one in turns(trade_at_random, wide, 100)}


def test_the_spread_of_a_stock_is_steady_and_follows_its_fair_price():
    cents = Listing("AAPLUSD", "AAPL", "USD", 2, 0, 1, 1, 0)
    record = core_crowd.run([cents], seed=1, rate=17, seconds=150).records["AAPLUSD"]
    figures = {one.name: one.value for one in measure(record)}
    assert 2.5 < figures["spread, median, bips"] < 4.5
    assert 0.85 < figures["spread, mean / median"] < 1.15
    assert figures["returns of 1 s, deviation, bips"] > 0.4


def test_every_trader_has_a_name_of_its_own():
    assert len(set(names())) == len(names()) > 4
