"""Scenario tests as talk on a trading floor.

One line is one turn: who says what, and after `->` everything the exchange answers, in order,
separated by `;`. A line without `->` is checked too: it must be answered `accepted` and nothing
else. `book` lists the offers from the best up, then the bids from the best down; `alice has` tells
her free and locked shares and money. The turns are those of `floor_turns.py`, the answers those of
`floor_words.py`. What follows a `#` is for the reader.
"""

import re

from protocol.terms import AccountTerm, CommandKind, EventKind, InstrumentTerm
from tests.desk import Desk, Engine, Told
from tests.floor_turns import Fields, at_second, cents, market_turn, trader_turn
from tests.floor_words import Words, price_text

SHARES, MONEY = 0, 1
"""Asset numbers of the one instrument's base and quote."""
ENOUGH = 10**9
"""Shares, and cents, that every trader starts with."""


class Floor(Desk):
    """A desk whose traders have names, with one instrument: prices in cents, whole shares."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.add_market()
        self.words = Words(self.trader_of)
        self.last_told: list[Told] = []
        """Events of the latest turn, for what words don't say."""

    def terms(self, **terms: int) -> None:
        """Set terms of the instrument, by their names in lower case."""
        for name, value in terms.items():
            self.set_term(InstrumentTerm[name.upper()], value)

    def trader_of(self, account: int) -> str:
        """Return the name of an account."""
        return next((name for name, known in self.accounts.items() if known == account), "?")

    def trader(self, name: str) -> int:
        """Return a trader's account; a new one has enough of everything."""
        return self.account(name, {SHARES: ENOUGH, MONEY: ENOUGH})

    def trader_with(self, name: str, *, shares: int = 0, money: str = "0") -> int:
        """Open the account of a trader who has just so much."""
        purse = {SHARES: shares, MONEY: cents(money)}
        return self.account(name, {asset: amount for asset, amount in purse.items() if amount})

    def set_account(self, name: str, term: AccountTerm, value: int) -> None:
        """Set one term of a trader's account."""
        account = self.trader(name)
        told = self.ask(CommandKind.SET_ACCOUNT, account=account, term=term, amount=value)
        assert told[0].kind == EventKind.ACCOUNT_CHANGED, told

    def hear(self, said: str) -> list[str]:
        """Speak one turn and return the answers."""
        if said == "book":
            return self._book()
        if said.endswith(" has"):
            return [self._purse(said.removesuffix(" has"))]
        commands = self._commands(said)
        enters = [c for c in commands if c["kind"] in (CommandKind.ENTER, CommandKind.REPLACE)]
        self.last_told = self.send(*commands)
        return list(self.words.of_turn(self.last_told, enters_one=len(enters) == 1))

    def _commands(self, said: str) -> list[Fields]:
        market = market_turn(said)
        if market is not None:
            if said.startswith("clock "):
                self.now_ns = max(self.now_ns, at_second(said.removeprefix("clock ")))
            return [market]
        name, _, rest = said.partition(" ")
        account = self.trader(name)
        return [{**fields, "account": account} for fields in trader_turn(rest)]

    def _book(self) -> list[str]:
        bids, asks = self.depth()
        offers = [f"{qty} offered @ {price_text(price)}" for price, qty in asks]
        return offers + [f"{qty} bid @ {price_text(price)}" for price, qty in bids] or ["empty"]

    def _purse(self, name: str) -> str:
        account = self.accounts[name]
        shares, locked = self.purses.get((account, SHARES), (0, 0))
        money, kept = self.purses.get((account, MONEY), (0, 0))
        return f"{shares} shares, {locked} locked, {price_text(money)} money, {price_text(kept)} locked"

    def told_of(self, kind: EventKind) -> list[Told]:
        """Return the events of one kind among those of the latest turn."""
        return [event for event in self.last_told if event.kind == kind]


def play(floor: Floor, transcript: str) -> None:
    """Speak every turn; on the first wrong answer raise AssertionError naming the line."""
    for number, line in enumerate(transcript.strip().splitlines(), 1):
        spoken = re.sub(r" *#.*", "", line).strip()
        if not spoken:
            continue
        said, arrow, expected = (re.sub(" +", " ", part.strip()) for part in spoken.partition("->"))
        wanted = [answer.strip() for answer in expected.split(";")] if arrow else ["accepted"]
        if wanted == ["nothing"]:
            wanted = []
        heard = floor.hear(said)
        assert heard == wanted, f"line {number}: {said!r}\n  expected {wanted}\n  heard    {heard}"
