"""What a market looks like in figures: the same ones for a recorded market and a simulated one.

Each figure is a ratio or a shape, so that markets of different prices and sizes can be laid side by side.
"""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

LEVELS = 5
_DECAY_LAGS = (1, 10)


@dataclass(frozen=True, slots=True)
class Sample:
    """A book at one moment, one a second; quantities of the best levels, best first."""

    bid: int
    ask: int
    bid_qtys: tuple[int, ...]
    ask_qtys: tuple[int, ...]


@dataclass
class Record:
    """What happened in one market."""

    samples: list[Sample] = field(default_factory=list)
    limit_orders: int = 0
    takers: int = 0
    cancels: int = 0
    trade_qtys: list[int] = field(default_factory=list)
    """One for each taker that traded: what all its fills add up to."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float


def measure(record: Record) -> list[Figure]:
    """Compute the figures.

    Raises: ValueError when there is too little to measure (fewer than 30 two-sided samples, or no trade).
    """
    samples = [one for one in record.samples if one.bid and one.ask]
    if len(samples) < 30 or not record.trade_qtys:
        raise ValueError(
            f"{len(samples)} samples and {len(record.trade_qtys)} trades are too few to measure"
        )
    spreads = [(one.ask - one.bid) / ((one.ask + one.bid) / 2) * 10_000 for one in samples]
    returns = _returns(samples)
    sizes = [abs(one) for one in returns]
    trades = record.trade_qtys
    figures = [
        ("spread, median, bips", statistics.median(spreads)),
        (
            "spread, mean / median",
            statistics.fmean(spreads) / max(statistics.median(spreads), 1e-9),
        ),
        *[(f"depth of level {n} / of level 1", _depth(samples, n)) for n in range(2, LEVELS + 1)],
        ("cancels / limit orders", record.cancels / max(record.limit_orders, 1)),
        ("limit orders / taking orders", record.limit_orders / max(record.takers, 1)),
        ("trade size, mean / median", statistics.fmean(trades) / statistics.median(trades)),
        ("returns of 1 s, deviation, bips", statistics.pstdev(returns) * 10_000),
        ("returns of 1 s, excess kurtosis", _kurtosis(returns)),
        ("autocorrelation of returns, 1 s", _autocorrelation(returns, 1)),
        *[
            (f"autocorrelation of absolute returns, {n} s", _autocorrelation(sizes, n))
            for n in _DECAY_LAGS
        ],
    ]
    return [Figure(name, value) for name, value in figures]


def _returns(samples: Sequence[Sample]) -> list[float]:
    middles = [(one.bid + one.ask) / 2 for one in samples]
    return [later / earlier - 1 for earlier, later in itertools.pairwise(middles)]


def _depth(samples: Sequence[Sample], level: int) -> float:
    """Compare the mean quantity of a level with that of the best, both sides together."""
    pairs = [
        (qtys[0], qtys[level - 1])
        for one in samples
        for qtys in (one.bid_qtys, one.ask_qtys)
        if len(qtys) >= level
    ]
    if not pairs:
        return 0.0
    return sum(far for _, far in pairs) / sum(best for best, _ in pairs)


def _kurtosis(values: Sequence[float]) -> float:
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    if not deviation:
        return 0.0
    return statistics.fmean([((one - mean) / deviation) ** 4 for one in values]) - 3


def _autocorrelation(values: Sequence[float], lag: int) -> float:
    mean = statistics.fmean(values)
    total = sum((one - mean) ** 2 for one in values)
    if not total:
        return 0.0
    both = zip(values, values[lag:], strict=False)
    return sum((earlier - mean) * (later - mean) for earlier, later in both) / total
