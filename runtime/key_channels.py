"""How a change of an API key gets about, and how one knows that it did: two channels of PostgreSQL.

Whoever changes a key says its text on `CHANGES`, in the transaction of the change. Every ingress worker follows
that channel on a connection that bears the name `FOLLOWER`; when it holds the key as it is now, it
says `acknowledged` on `KNOWN`. So a revocation is done when every connection of that name has said so.
"""

CHANGES = "api_keys"
KNOWN = "api_keys_known"
FOLLOWER = "openbourse keys"


def acknowledged(backend: int, api_key: str) -> str:
    """Return what the follower says whose connection is served by this process of the database."""
    return f"{backend} {api_key}"
