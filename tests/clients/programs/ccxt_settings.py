"""How ccxt is pointed at an exchange of ours: URLs and options, nothing patched."""

from typing import Any

from cases import REST, WS


def settings(keys: dict[str, str]) -> dict[str, Any]:
    """Return the configuration of an account's exchange object."""
    sapi = {name: f"{REST}/sapi/v{number}" for name, number in _SAPI.items()}
    return {
        "apiKey": keys["api_key"],
        "secret": keys["secret"],
        "enableRateLimit": False,
        "urls": {
            "api": {
                "public": f"{REST}/api/v3",
                "private": f"{REST}/api/v3",
                **sapi,
                "ws": {
                    "spot": f"{WS}/ws",
                    "ws-api": {"spot": f"{WS}/ws-api/v3"},
                },
            }
        },
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    }


_SAPI = {"sapi": 1, "sapiV2": 2, "sapiV3": 3, "sapiV4": 4}
