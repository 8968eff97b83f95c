"""The few answers outside /api that clients ask for by default (API section 9).

There is no wallet service here: coins can neither be deposited nor withdrawn by request, and nothing trades
on margin. The answers say so in the form that clients expect.
"""

from ingress.account_facts import fee_shares, rates
from ingress.door import Asked, Door
from ingress.present import Told
from ingress.views import PLACES, Asset
from protocol.units import to_text

_NETWORK = "OPENBOURSE"
_NOTHING = to_text(0, PLACES)


async def system_status(door: Door, asked: Asked) -> Told:
    """GET /sapi/v1/system/status: 0 normal, 1 while the matcher takes no commands."""
    if door.views.is_ready():
        return {"status": 0, "msg": "normal"}
    return {"status": 1, "msg": "system maintenance"}


async def trade_fee(door: Door, asked: Asked) -> list[Told]:
    """GET /sapi/v1/asset/tradeFee."""
    shares = await fee_shares(door, asked.account)
    symbol = asked.values.get("symbol")
    shown = door.views.instruments() if symbol is None else [door.views.instrument(symbol)]
    told = []
    for one in shown:
        rate = rates(door, one, *shares)
        told.append(
            {
                "symbol": one.symbol,
                "makerCommission": rate["maker"],
                "takerCommission": rate["taker"],
            }
        )
    return told


async def coins(door: Door, asked: Asked) -> list[Told]:
    """GET /sapi/v1/capital/config/getall."""
    balances = door.views.account(asked.account).balances.tolist()
    return [_coin(asset, *balances[asset.number]) for asset in door.views.assets()]


def _coin(asset: Asset, free: int, locked: int) -> Told:
    return {
        "coin": asset.code,
        "name": asset.code,
        "free": asset.text(free),
        "locked": asset.text(locked),
        "freeze": _NOTHING,
        "withdrawing": _NOTHING,
        "ipoing": _NOTHING,
        "ipoable": _NOTHING,
        "storage": _NOTHING,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [
            {
                "network": _NETWORK,
                "coin": asset.code,
                "name": _NETWORK,
                "isDefault": True,
                "depositEnable": False,
                "withdrawEnable": False,
                "withdrawFee": _NOTHING,
                "withdrawMin": _NOTHING,
                "withdrawMax": _NOTHING,
                "withdrawIntegerMultiple": to_text(1, asset.decimals, max(PLACES, asset.decimals)),
                "addressRegex": "",
                "memoRegex": "",
                "busy": False,
            }
        ],
    }


async def margin_pairs(door: Door, asked: Asked) -> list[Told]:
    """GET /sapi/v1/margin/allPairs and /sapi/v1/margin/isolated/allPairs: none."""
    return []
