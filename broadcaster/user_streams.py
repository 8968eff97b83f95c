"""User data streams: whose listen keys are listened to, and what goes to each (API section 12).

A key is a stream of its own. Its account is looked up when the key is subscribed; a key that nobody has
opened is a stream on which nothing is ever said.

While a key is listened to, the events are followed without a gap (`runtime/follow.py`): what the wire lost is
made again from the journal, and told late but in order. Where there is no journal the streams end instead,
because a report that was missed cannot be made up for: who connects again asks for the state anew.
"""

from collections.abc import Callable, Container
from typing import NamedTuple

from broadcaster.messages import Message, UserReport
from protocol.layout import Rows
from protocol.user_feed import UserFeed
from protocol.user_reports import ListenKeyExpired
from runtime import clock
from runtime.follow import Follower, Replay


class Journal(NamedTuple):
    """Where events can be had again: `told` returns the last one, `replay` tells from one on."""

    told: Callable[[], int]
    replay: Callable[[int], Replay]


class UserStreams:
    """The keys that are listened to. `account_of` says whose a key is, None when it is not alive.

    `tell` gets the messages, `end` is called when events were missed for good.
    """

    def __init__(
        self,
        feed: UserFeed,
        account_of: Callable[[str], int | None],
        tell: Callable[[list[Message]], None],
        end: Callable[[], None],
        journal: Journal | None,
    ) -> None:
        self._feed = feed
        self._account_of = account_of
        self._tell = tell
        self._journal = journal
        self._follower = Follower(self._take, end, journal.replay if journal else None)
        self._accounts: dict[str, int] = {}
        self._seen = self._told_before = 0

    @property
    def keys(self) -> list[str]:
        """Return the live keys that are listened to."""
        return list(self._accounts)

    def listen(self, name: str) -> None:
        """Begin to tell a key's account, when the name of the stream is one."""
        account = self._account_of(name)
        if account is not None:
            self._accounts[name] = account
            if self._seen and not self._follower.follows:
                self._follower.begin(self._seen + 1)

    def live(self, rows: Rows) -> None:
        """Take in the Event rows of one frame of the wire."""
        if self._accounts and not self._follower.follows:
            self._follower.begin(int(rows["event_seq"][0]))
        self._seen = int(rows["event_seq"][-1])
        self._follower.live(rows)

    def check(self, wanted: Container[str], now_ns: int) -> list[Message]:
        """Forget keys that nobody listens to any more; tell those that have expired or were closed."""
        out: list[Message] = []
        for name in self.keys:
            if name not in wanted:
                del self._accounts[name]
            elif self._account_of(name) is None:
                del self._accounts[name]
                out.append(Message(name, UserReport(ListenKeyExpired(name), now_ns)))
        if not self._accounts:
            self._follower.stop()
        elif self._journal:
            # What had been told at the last look must have come by now, though nothing followed it.
            self._follower.look(self._told_before)
            self._told_before = self._journal.told()
        return out

    def _take(self, rows: Rows) -> None:
        """Take in Event rows in order, and tell the keys."""
        now_ns = clock.wall_ns()
        names: dict[int, list[str]] = {}
        for name, account in self._accounts.items():
            names.setdefault(account, []).append(name)
        self._tell(
            [
                Message(name, UserReport(report, now_ns))
                for account, report in self._feed.take(rows, names.keys())
                for name in names[account]
            ]
        )
