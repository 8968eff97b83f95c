"""Make up orders and legs of lists: mostly sound ones, at prices close to the market."""

from random import Random

from protocol.terms import ListKind, OrdType, Side, StpMode, TimeInForce
from tests.world import TOP, Fields

_MIDDLE = TOP // 2
_TYPES = {
    OrdType.LIMIT: 55,
    OrdType.MARKET: 9,
    OrdType.LIMIT_MAKER: 7,
    OrdType.STOP_LOSS: 8,
    OrdType.STOP_LOSS_LIMIT: 8,
    OrdType.TAKE_PROFIT: 6,
    OrdType.TAKE_PROFIT_LIMIT: 7,
}
_TIMES = {
    TimeInForce.GTC: 60,
    TimeInForce.IOC: 12,
    TimeInForce.FOK: 8,
    TimeInForce.DAY: 5,
    TimeInForce.GTD: 8,
    TimeInForce.AT_OPENING: 2,
    TimeInForce.AT_CLOSE: 5,
}
_STOP_TYPES = (
    OrdType.STOP_LOSS,
    OrdType.STOP_LOSS_LIMIT,
    OrdType.TAKE_PROFIT,
    OrdType.TAKE_PROFIT_LIMIT,
)
_PRICED = (
    OrdType.LIMIT,
    OrdType.LIMIT_MAKER,
    OrdType.STOP_LOSS_LIMIT,
    OrdType.TAKE_PROFIT_LIMIT,
)
_STAYING = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)


class OrderMaker:
    """Makes the fields of orders. `last_px`: what the first instrument last traded at, if it did."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.last_px = 0
        self.now_ns = 0
        self._names = 0

    def name(self) -> bytes:
        """Return a text id: mostly a new one, sometimes none, sometimes one used lately."""
        chance = self.rng.random()
        if chance < 0.3:
            return b""
        if chance < 0.95:
            self._names += 1
        return b"id%d" % max(1, self._names - int(chance > 0.95) * self.rng.randrange(8))

    def price(self) -> int:
        """Return a price around the middle, near or far."""
        width = self.rng.choice([2, 5, 12])
        return max(1, min(TOP, _MIDDLE + self.rng.randint(-width, width)))

    def order(self) -> Fields:
        """Return the fields of any order."""
        ord_type = self.rng.choices(list(_TYPES), list(_TYPES.values()))[0]
        return self.terms(ord_type, self.rng.randrange(2))

    def legs(self) -> tuple[ListKind, list[Fields]]:
        """Return a kind of list and its legs."""
        rng = self.rng
        kind = rng.choice([ListKind.OCO, ListKind.OCO, ListKind.OTO, ListKind.OTOCO])
        legs: list[Fields] = []
        if kind != ListKind.OCO:
            ord_type = OrdType.LIMIT if rng.random() < 0.8 else OrdType.LIMIT_MAKER
            legs.append(self.terms(ord_type, rng.randrange(2)))
        if kind == ListKind.OTO:
            legs.append(self.terms(rng.choice(list(OrdType)), rng.randrange(2)))
        else:
            legs += self.oco_legs(rng.randrange(2))
        return kind, legs

    def terms(self, ord_type: OrdType, side: int) -> Fields:
        """Return the fields that make up an order of this type, mostly sound ones."""
        rng = self.rng
        time = rng.choices(list(_TIMES), list(_TIMES.values()))[0]
        if ord_type not in (OrdType.LIMIT, OrdType.MARKET) and rng.random() < 0.9:
            time = rng.choice(_STAYING)
        fields: Fields = {
            "side": side,
            "ord_type": ord_type,
            "time_in_force": time,
            "stp_mode": rng.choice([0, 0, 0, 0, *StpMode]),
            "order_qty": rng.choice([1, 2, 3, 4, 6, 8, 12, 24]),
            "cl_ord_id": self.name(),
        }
        if ord_type in _PRICED:
            fields["price"] = self.price()
            if time in _STAYING and rng.random() < 0.15:
                fields["display_qty"] = rng.randint(1, 4)
        if ord_type == OrdType.MARKET and rng.random() < 0.25:
            fields.update(order_qty=0, quote_qty=rng.randint(1, 600) * 10)
            time = fields["time_in_force"] = rng.choice([TimeInForce.GTC, TimeInForce.IOC])
        if ord_type in _STOP_TYPES:
            trails = rng.random() < 0.35
            if trails:
                fields["trailing_bips"] = rng.choice([100, 400, 900, 2_500])
            if not trails or rng.random() < 0.5:
                fields["stop_px"] = self.stop_price(ord_type, side)
        if time == TimeInForce.GTD:
            wait = rng.choice([500_000, 3_000_000, 20_000_000, 20_000_000])
            fields["expire_ns"] = self.now_ns + wait
        if rng.random() < 0.05:
            fields.update(strategy_id=rng.randint(1, 9), strategy_type=1_000_001)
        return fields

    def stop_price(self, ord_type: OrdType, side: int) -> int:
        """Return a stop price, mostly on the side of the market where it waits."""
        stop_loss = ord_type in (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)
        away = self.rng.randint(0, 4) if self.rng.random() < 0.9 else -2
        rising = stop_loss == (side == Side.BUY)
        last = self.last_px or _MIDDLE
        return max(1, min(TOP, last + away if rising else last - away))

    def oco_legs(self, side: int) -> list[Fields]:
        """Return the two legs of an OCO, mostly in the right relation, in either order."""
        rng = self.rng
        limit_type = rng.choice(
            [
                OrdType.LIMIT_MAKER,
                OrdType.LIMIT_MAKER,
                OrdType.TAKE_PROFIT,
                OrdType.TAKE_PROFIT_LIMIT,
            ]
        )
        legs = [
            self.terms(limit_type, side),
            self.terms(rng.choice([OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT]), side),
        ]
        sign = 1 if side == Side.SELL else -1
        last = self.last_px or _MIDDLE
        if limit_type == OrdType.LIMIT_MAKER:
            legs[0]["price"] = max(1, min(TOP, last + sign * rng.randint(0, 5)))
        if rng.random() < 0.95:
            legs[1]["order_qty"] = legs[0]["order_qty"]
        return legs if rng.random() < 0.5 else legs[::-1]
