"""Whose request it is when a proxy stands before the doors (setting `rest.proxies`).

A proxy that is trusted says it in `X-Forwarded-For`; what anybody else says there is not looked at.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

_HEADER = "x-forwarded-for"
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_KNOWN = 1 << 12


class Proxies:
    """The proxies that are trusted, by address.

    `listed`: addresses and networks with commas between them, as "127.0.0.1, 10.0.0.0/8".
    Raises: ValueError for what is neither.
    """

    def __init__(self, listed: str = "") -> None:
        entries = [one.strip() for one in listed.split(",") if one.strip()]
        self._networks = [ipaddress.ip_network(one, strict=False) for one in entries]
        self._trusts = lru_cache(_KNOWN)(self._look_up)

    def __contains__(self, address: str) -> bool:
        """Tell whether a proxy that is trusted has this address."""
        return bool(self._networks) and self._trusts(address)

    def client(self, peer: str, headers: Iterable[tuple[bytes | str, bytes | str]]) -> str:
        """Return the address of whoever asks through the proxy `peer`; the proxy's own where it names nobody.

        Each proxy writes the address that it hears at the end, so what is true is read from there: up to
        the first that is no proxy of ours. What stands before it is what that one claims.
        """
        told = [_text(value) for name, value in headers if _text(name).lower() == _HEADER]
        client = peer
        for entry in reversed(",".join(told).split(",")):
            address = address_of(entry.strip())
            if address is None:
                break
            client = str(address)
            if not self._trusts(client):
                break
        return client

    def _look_up(self, address: str) -> bool:
        found = address_of(address)
        return found is not None and any(found in network for network in self._networks)


def address_of(text: str) -> _Address | None:
    """Read an address; None when it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A door that is open to both families tells an IPv4 address in the clothes of the other.
    return getattr(found, "ipv4_mapped", None) or found


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
