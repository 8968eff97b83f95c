"""The accounts of simulated traders: made and funded when they are missing, their keys kept like the demo's.

Nothing is done twice: a deposit carries a reference, a key that still works is used again.
"""

from collections.abc import Sequence

from commands.demo import fund, keys_for
from commands.rest_client import Keys
from conf.settings import Settings
from runtime import demo_keys

PREFIX = "sim-"
OF_A_QUOTE = 1_000_000_000
OF_ANOTHER = 1_000_000
"""Whole units of each asset: enough for weeks."""


def accounts(settings: Settings, names: Sequence[str]) -> list[Keys]:
    """Return the keys of these traders, in their order.

    Raises: Refused when the exchange or its database is away.
    """
    kept = demo_keys.read(settings.data_dir, demo_keys.TRADERS_FILE)
    found = []
    for name in names:
        own = kept[name] = keys_for(settings, PREFIX + name, kept.get(name, {}))
        fund(settings, int(own["account"]), OF_A_QUOTE, OF_ANOTHER)
        found.append(Keys(own["api_key"], own["secret"]))
    demo_keys.write_json(settings.data_dir, demo_keys.TRADERS_FILE, kept)
    return found
