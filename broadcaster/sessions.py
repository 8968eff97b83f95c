"""Phases and auctions of the instruments, told as they change: `<symbol>@phase` and `<symbol>@auction`.

An extension of the dialect, which knows no sessions (rules A-1 to A-3). Both streams tell a state: who
subscribes hears it at once, and after a gap in the events it is told anew. Sans-I/O.
"""

from collections.abc import Callable, Container, Sequence

import numpy as np

from broadcaster.messages import Auction, Body, Message, Phase
from protocol.layout import Rows
from protocol.names import Instrument
from protocol.terms import EventKind

_KINDS = [int(EventKind.PHASE_CHANGED), int(EventKind.INDICATED), int(EventKind.UNCROSSED)]
PHASE, AUCTION = "phase", "auction"


class Sessions:
    """`state` copies an instrument's market state, or says None while there is none to read."""

    def __init__(
        self,
        catalogue: Callable[[], Sequence[Instrument]],
        state: Callable[[int], Rows | None],
        wanted: Container[str],
    ) -> None:
        self._catalogue = catalogue
        self._state = state
        self._wanted = wanted
        self._known: dict[str, Instrument] = {}
        self._numbered: dict[int, Instrument] = {}

    def learn(self) -> None:
        """Look at the catalogue: instruments may have been added."""
        for number, instrument in enumerate(self._catalogue()):
            self._known[instrument.symbol.lower()] = self._numbered[number] = instrument

    def take(self, rows: Rows, now_ns: int) -> list[Message]:
        """Take in Event rows in order; return what is to be told at once."""
        out: list[Message] = []
        for event in rows[np.isin(rows["kind"], _KINDS)]:
            number = int(event["instrument"])
            if number not in self._numbered:
                self.learn()
            instrument = self._numbered.get(number)
            if instrument is not None:
                self._tell(instrument, event, now_ns, out)
        return out

    def afresh(self, now_ns: int) -> list[Message]:
        """Return the present state of all streams that anybody listens to: events were lost."""
        streams = [f"{symbol}@{rest}" for symbol in self._known for rest in (PHASE, AUCTION)]
        told = [(name, self.current(name, now_ns)) for name in streams if name in self._wanted]
        return [Message(name, body) for name, body in told if body is not None]

    def current(self, stream: str, now_ns: int) -> Body | None:
        """Return what a stream would say now; None for streams of other kinds."""
        symbol, _, rest = stream.partition("@")
        instrument = self._known.get(symbol) if rest in (PHASE, AUCTION) else None
        row = self._state(instrument.number) if instrument is not None else None
        if instrument is None or row is None:
            return None
        if rest == PHASE:
            times = now_ns, int(row["phase_until_ns"])
            return Phase(instrument, int(row["phase"]), int(row["reference_price"]), *times, now_ns)
        facts = ("indicative_price", "paired_qty", "imbalance_qty", "imbalance_side")
        price, paired, imbalance, side = (int(row[name]) for name in facts)
        return Auction(instrument, price, paired, imbalance, side, False, now_ns, now_ns)

    def _tell(self, instrument: Instrument, event: Rows, now_ns: int, out: list[Message]) -> None:
        prefix = f"{instrument.symbol.lower()}@"
        at_ns, price = int(event["at_ns"]), int(event["price"])
        told_ns = max(now_ns, at_ns)
        if event["kind"] == EventKind.PHASE_CHANGED:
            facts = int(event["ord_status"]), price, at_ns, int(event["expire_ns"])
            out += self._wanted_only(f"{prefix}{PHASE}", Phase(instrument, *facts, told_ns))
            return
        quantities = int(event["order_qty"]), int(event["leaves_qty"]), int(event["side"])
        uncrossed = bool(event["kind"] == EventKind.UNCROSSED)
        auction = Auction(instrument, price, *quantities, uncrossed, at_ns, told_ns)
        out += self._wanted_only(f"{prefix}{AUCTION}", auction)

    def _wanted_only(self, stream: str, body: Body) -> list[Message]:
        return [Message(stream, body)] if stream in self._wanted else []
