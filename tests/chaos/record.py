"""What was done to the exchange, and what its clients noticed of it."""

from dataclasses import dataclass, field
from random import Random
from statistics import median

import numpy as np

from tests.chaos.load import Told

CALM = "no fault"
CROWDED = 0.25
"""When others have more of the processors, a time that is too long says nothing of the exchange."""


@dataclass(frozen=True)
class Strike:
    """One fault: when it began, when all was as before, and when an order was taken again (0: not asked)."""

    name: str
    begun: float
    ended: float
    taken: float = 0.0
    kills: int = 0
    outcome: str = ""
    promised_s: float = 0.0
    """Within which time an order must be taken again; 0: that is not promised."""
    crowd: float = 0.0
    """Which part of all processors other people's programs had until then."""


@dataclass
class Row:
    """All strikes of one kind in one season, and what clients noticed of them."""

    strikes: list[Strike] = field(default_factory=list)
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    """Of every order that was under way during one of the strikes; without a fault, of those that
    began and ended so."""

    @property
    def seconds(self) -> float:
        return sum(one.ended - one.begun for one in self.strikes)

    def cells(self) -> list[str]:
        """Return count, outcome, orders a second, p99.9, time until over and until an order was taken."""
        back = [one.ended - one.begun for one in self.strikes]
        taken = [one.taken - one.begun for one in self.strikes if one.taken]
        slowest = float(np.percentile(self.latencies, 99.9)) * 1e3 if self.latencies else 0.0
        calm = self.strikes[0].name == CALM
        return [
            "" if calm else str(len(self.strikes)),
            self.strikes[0].outcome,
            f"{self.answered / self.seconds:,.0f}",
            f"{slowest:,.0f}",
            "" if calm else _two(back),
            _two(taken),
        ]


class Record:
    """The log of a run."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.season = ""
        self.rows: dict[tuple[str, str], Row] = {}
        """By season and fault."""
        self.found: list[str] = []
        """What is wrong; nothing, if all is well."""
        self.notes: list[str] = []
        self._now: list[Strike] = []
        self._promised = self._kept = 0

    def add(self, strike: Strike) -> None:
        """Note a fault of the present season; an order that is taken too late is wrong, if that can be judged."""
        self._now.append(strike)
        if not strike.promised_s:
            return
        self._promised += 1
        seconds = strike.taken - strike.begun
        if seconds <= strike.promised_s:
            self._kept += 1
        elif strike.crowd < CROWDED:
            self.found.append(
                f"{self.season}, {strike.name}: the first order was taken after {seconds:.2f} s, "
                f"{strike.promised_s:g} s are promised; others had {strike.crowd:.0%} of the processors"
            )

    def calm(self, begun: float, ended: float) -> None:
        """Note a time without a fault."""
        self._now.append(Strike(CALM, begun, ended))

    def end_season(self, told: Told) -> None:
        """Put together faults and answers of a season that is over."""
        begun, done = np.array(told.answers).reshape(-1, 2).T
        for one in self._now:
            row = self.rows.setdefault((self.season, one.name), Row())
            row.strikes.append(one)
            row.answered += int(((done >= one.begun) & (done < one.ended)).sum())
            under_way = (begun < one.ended) & (done >= one.begun)
            if one.name == CALM:
                # What was begun in a fault still suffers from it.
                under_way = (begun >= one.begun) & (done < one.ended)
            row.latencies += (done - begun)[under_way].tolist()
        self._now = []
        if self._promised:
            self.notes.append(
                f"{self.season}: the first order was taken in the promised time after {self._kept} of "
                f"{self._promised} kills of the matcher; those in which others had {CROWDED:.0%} of the "
                "processors or more are not held against it"
            )
        self._promised = self._kept = 0
        self.notes.append(
            f"{self.season}: {len(told.acknowledged):,} orders acknowledged, {len(told.cancelled):,} "
            f"cancelled; {told.unknown:,} requests without a clear answer ({told.timed_out:,} of them "
            f"-1007, {told.full:,} -1008), {told.found:,} orders then found by their text id, "
            f"{told.duplicates:,} sent again and refused as duplicates"
        )

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(one.kills for row in self.rows.values() for one in row.strikes)

    def table(self) -> list[str]:
        """Return what was done and what came of it, as a table of Markdown."""
        head = ["season", "fault", "count", "outcome", "orders/s", "p99.9 ms", "over after s"]
        lines = [[*head, "first order s"], ["---"] * (len(head) + 1)]
        seasons = list(dict.fromkeys(season for season, _ in self.rows))
        for season, name in sorted(
            self.rows, key=lambda key: (seasons.index(key[0]), key[1] != CALM, key[1])
        ):
            lines.append([season, name, *self.rows[season, name].cells()])
        faults = sum(len(row.strikes) for (_, name), row in self.rows.items() if name != CALM)
        told = [f"{faults} faults, {self.kills} processes killed", *self.notes]
        return [*(f"| {' | '.join(line)} |" for line in lines), "", *told]


def _two(seconds: list[float]) -> str:
    """Return median and longest."""
    return f"{median(seconds):.2f}, at most {max(seconds):.2f}" if seconds else ""
