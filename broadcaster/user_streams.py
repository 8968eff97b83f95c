"""User data streams: whose listen keys are listened to, and what goes to each (API section 12).

A key is a stream of its own. Its account is looked up when the key is subscribed; a key that nobody has
opened is a stream on which nothing is ever said.
"""

from collections.abc import Callable, Container

from broadcaster.messages import Message, UserReport
from protocol.layout import Rows
from protocol.user_feed import UserFeed
from protocol.user_reports import ListenKeyExpired


class UserStreams:
    """The keys that are listened to. `account_of` says whose a key is, None when it is not alive."""

    def __init__(self, feed: UserFeed, account_of: Callable[[str], int | None]) -> None:
        self._feed = feed
        self._account_of = account_of
        self._accounts: dict[str, int] = {}

    @property
    def keys(self) -> list[str]:
        """Return the live keys that are listened to."""
        return list(self._accounts)

    def listen(self, name: str) -> None:
        """Begin to tell a key's account, when the name of the stream is one."""
        account = self._account_of(name)
        if account is not None:
            self._accounts[name] = account

    def take(self, rows: Rows, now_ns: int) -> list[Message]:
        """Take in Event rows in order; return what the keys are told."""
        names: dict[int, list[str]] = {}
        for name, account in self._accounts.items():
            names.setdefault(account, []).append(name)
        return [
            Message(name, UserReport(report, now_ns))
            for account, report in self._feed.take(rows, names.keys())
            for name in names[account]
        ]

    def check(self, wanted: Container[str], now_ns: int) -> list[Message]:
        """Forget keys that nobody listens to any more; tell those that have expired or were closed."""
        out: list[Message] = []
        for name in self.keys:
            if name not in wanted:
                del self._accounts[name]
            elif self._account_of(name) is None:
                del self._accounts[name]
                out.append(Message(name, UserReport(ListenKeyExpired(name), now_ns)))
        return out
