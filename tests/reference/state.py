"""What the exchange knows between two commands: accounts, instruments, orders, lists."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from protocol.terms import (
    InstrumentTerm,
    ListKind,
    OrdStatus,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)
from tests.reference.book import Book
from tests.reference.memory import Memory
from tests.reference.wire import Asked, EventRow

LARGEST = 1 << 62
"""No product and no balance is ever above this."""
FEE_ACCOUNT = 0
FEE_TIERS = 16
FULL_SHARE = 10_000

CALLS = (
    SessionPhase.OPENING_AUCTION,
    SessionPhase.VOLATILITY_AUCTION,
    SessionPhase.CLOSING_AUCTION,
)
STOPS = (
    OrdType.STOP_LOSS,
    OrdType.STOP_LOSS_LIMIT,
    OrdType.TAKE_PROFIT,
    OrdType.TAKE_PROFIT_LIMIT,
)
WITHOUT_LIMIT = (OrdType.MARKET, OrdType.STOP_LOSS, OrdType.TAKE_PROFIT)


class Limits(Protocol):
    """The capacities of an exchange, as `matcher.core.state.Capacities` declares them."""

    @property
    def orders(self) -> int: ...
    @property
    def accounts(self) -> int: ...
    @property
    def assets(self) -> int: ...
    @property
    def instruments(self) -> int: ...
    @property
    def account_orders(self) -> int: ...
    @property
    def price_levels(self) -> int: ...
    @property
    def dedupe_window_ns(self) -> int: ...
    @property
    def dedupe_capacity(self) -> int: ...
    @property
    def references(self) -> int: ...
    @property
    def lists(self) -> int: ...
    @property
    def iceberg_slices(self) -> int: ...


@dataclass(slots=True)
class Balance:
    """One account's holding of one asset."""

    free: int = 0
    locked: int = 0


@dataclass(slots=True)
class Asset:
    """One asset; `total` is what all accounts hold of it: deposits − withdrawals."""

    number: int
    code: bytes
    decimals: int
    total: int = 0


@dataclass(slots=True)
class Account:
    """One account: its money and its live orders, by order id and by the client's text id."""

    number: int
    name: bytes
    state: int = 0
    trade_group: int = 0
    fee_tier: int = 0
    balances: dict[int, Balance] = field(default_factory=dict)
    orders: dict[int, "Order"] = field(default_factory=dict)
    named: dict[tuple[int, bytes], "Order"] = field(default_factory=dict)
    lists: dict[int, "OrderList"] = field(default_factory=dict)

    def balance(self, asset: int) -> Balance:
        """Return the account's row of one asset."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found


@dataclass(slots=True, eq=False)
class Instrument:
    """One instrument: its terms, its market and its live orders."""

    number: int
    symbol: bytes
    top: int
    """Highest price its ladder holds."""
    most: int
    """Largest quantity that cannot overflow: MAX_QTY at the start."""
    terms: list[int]
    book: Book
    phase: int = SessionPhase.PRE_OPEN
    phase_until_ns: int = 0
    last_px: int = 0
    traded: bool = False
    next_trade_id: int = 0
    next_agg_trade_id: int = 0
    next_prevented_id: int = 0
    orders: dict[int, "Order"] = field(default_factory=dict)
    stops: dict[int, "Order"] = field(default_factory=dict)
    """Active stops that have not fired."""
    waiting: dict[int, "Order"] = field(default_factory=dict)
    """AT_CLOSE orders before the closing call."""
    market_orders: dict[int, "Order"] = field(default_factory=dict)
    """Orders without a limit that wait in a call for the uncross."""
    indicated: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Price, paired and imbalance quantity and side as last told in this call."""
    last_fill: tuple[int, int] = (0, 0)
    """Taker and price of the fill before, in this command (rule D-2)."""

    @property
    def base(self) -> int:
        return self.terms[InstrumentTerm.BASE_ASSET]

    @property
    def quote(self) -> int:
        return self.terms[InstrumentTerm.QUOTE_ASSET]

    @property
    def base_scale(self) -> int:
        return self.terms[InstrumentTerm.BASE_SCALE]

    @property
    def quote_scale(self) -> int:
        return self.terms[InstrumentTerm.QUOTE_SCALE]

    @property
    def reference_price(self) -> int:
        return self.terms[InstrumentTerm.REFERENCE_PRICE]

    @property
    def average_price(self) -> int:
        """What filters and collars call the present price; 0 when there is none."""
        return self.reference_price or self.last_px

    @property
    def last_or_reference(self) -> int:
        """The last price, before the first trade the reference price, else 0."""
        return self.last_px or self.reference_price

    @property
    def in_call(self) -> bool:
        return self.phase in CALLS


@dataclass(slots=True, eq=False)
class Order:
    """One order, from its entry to its end."""

    account: Account
    instrument: Instrument
    side: int
    ord_type: int
    time_in_force: int
    stp_mode: int
    price: int
    order_qty: int
    quote_qty: int
    stop_px: int
    display_qty: int
    expire_ns: int
    strategy_id: int
    strategy_type: int
    trailing_bips: int
    cl_ord_id: bytes
    created_ns: int
    leaves_qty: int = 0
    order_id: int = 0
    status: int = OrdStatus.NEW
    cum_qty: int = 0
    cum_quote: int = 0
    prevented_qty: int = 0
    resting: bool = False
    """It stands in the book."""
    visible_qty: int = 0
    """What the book shows of it: of an iceberg the rest of the present slice, else its leaves."""
    working: bool = False
    working_ns: int = 0
    triggered: bool = False
    extreme: int = 0
    """Trailing: highest (falling order) or lowest price since tracking began; 0 before."""
    active_since: int = 0
    """Stops: place in the order of activation."""
    hold_price: int | None = None
    """BUY: what is held for each unit; None: a market order that pays from `held` as it goes."""
    held: int = 0
    book_ended: bool = False
    """MARKET by quote quantity: the book was too thin for the money (rule C-6)."""
    order_list: "OrderList | None" = None
    leg: int = 0
    amends: int = 0
    slices: int = 0
    live: bool = False

    @property
    def without_limit(self) -> bool:
        return self.ord_type in WITHOUT_LIMIT

    @property
    def unfired(self) -> bool:
        return self.ord_type in STOPS and not self.triggered

    @property
    def rising(self) -> bool:
        """Rule S-1: the stop price lies above the market."""
        stop_loss = self.ord_type in (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)
        return stop_loss == (self.side == Side.BUY)

    @property
    def oco(self) -> "OrderList | None":
        """The list whose OCO this order is a leg of."""
        order_list = self.order_list
        return order_list if order_list and self in order_list.oco_legs else None

    @property
    def may_rest(self) -> bool:
        return not self.without_limit and self.time_in_force not in (
            TimeInForce.IOC,
            TimeInForce.FOK,
        )

    def owns(self, other: "Order") -> bool:
        """Whether a match with `other` would be a self-trade (rule T-1)."""
        mine, theirs = self.account, other.account
        return mine is theirs or (0 != mine.trade_group == theirs.trade_group)

    def prevents(self, maker: "Order") -> bool:
        """Whether this order, as the taker, may not trade with `maker`."""
        return self.stp_mode != StpMode.NONE and self.owns(maker)


@dataclass(slots=True, eq=False)
class OrderList:
    """One OCO, OTO or OTOCO. `held`: what its active OCO holds, once for both legs."""

    list_id: int
    kind: ListKind
    cl_ord_id: bytes
    account: Account
    instrument: Instrument
    legs: list[Order]
    pending: bool
    """The pending legs of an OTO or OTOCO have not entered yet."""
    held: int = 0

    @property
    def live_legs(self) -> list[Order]:
        return [leg for leg in self.legs if leg.live]

    @property
    def oco_legs(self) -> list[Order]:
        """The legs that exclude each other."""
        return {ListKind.OCO: self.legs, ListKind.OTO: [], ListKind.OTOCO: self.legs[1:]}[self.kind]

    @property
    def pending_legs(self) -> list[Order]:
        return [leg for leg in self.live_legs if leg.leg > 0] if self.pending else []


@dataclass(slots=True)
class Venue:
    """The whole exchange, and the command it is working on."""

    limits: Limits
    assets: list[Asset]
    accounts: list[Account]
    instruments: list[Instrument]
    finished_ids: Memory
    references: Memory
    account_names: set[bytes]
    tier_shares: list[tuple[int, int]]
    """Maker and taker share of the fee rate, in bips, by fee tier."""
    orders: dict[int, Order] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    timed: dict[int, Order] = field(default_factory=dict)
    """Live GTD orders."""
    live_slices: int = 0
    """Slices that all live icebergs had at their entry."""
    next_order_id: int = 1
    next_list_id: int = 1
    activations: int = 0
    """How many stops have become active so far."""
    event_seq: int = 0
    gathered: list[Asked] = field(default_factory=list)
    """Legs of a list whose last leg has not come yet."""
    filled_working: deque[OrderList] = field(default_factory=deque)
    elected: deque[Order] = field(default_factory=deque)
    command: Asked = field(default_factory=Asked.nothing)
    told: list[EventRow] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.command.at_ns

    def account(self, number: int) -> Account | None:
        """Return the account with this number, if there is one."""
        return self.accounts[number] if number < len(self.accounts) else None

    def instrument(self, number: int) -> Instrument | None:
        """Return the instrument with this number, if there is one."""
        return self.instruments[number] if number < len(self.instruments) else None

    def live_orders(self, instrument: Instrument) -> Iterator[Order]:
        """Yield the instrument's live orders, lowest order id first; they may end meanwhile."""
        for order_id in sorted(instrument.orders):
            if order_id in instrument.orders:
                yield instrument.orders[order_id]
