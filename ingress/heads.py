"""What the lane answers, and the heads of requests that came before.

A client's requests differ in their parameters; request line and headers are the same bytes again and again. To
parse them costs as much as to check the signature of what they bring, so what a head meant is kept, and
the same bytes mean the same. A query is no part of what is kept: of plain characters, it cannot change what the
rest of the head means. Only a request that came in one piece, by itself, and was framed by
nothing but its length is kept; everything else is the parser's.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

Headers = list[tuple[bytes, bytes]]
HEADS_LIMIT = 1024
"""So many heads are kept by a worker; when one more comes, it begins anew."""
LENGTH_LIMIT = 1024
_END, _VERSION = b"\r\n\r\n", b" HTTP/1.1\r\n"
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%&=+:,/"
_NOT_BY_LENGTH_ALONE = frozenset((b"transfer-encoding", b"expect", b"upgrade"))


class Sender(NamedTuple):
    """What the headers of a request say of who asks, before anything is checked: key and unit of time."""

    api_key: bytes
    unit: bytes


Serve = Callable[[Sender, bytes, bytes, str], Coroutine[Any, Any, Any]]
"""Answers sender, query, body and address."""


def sender_of(headers: Headers) -> Sender:
    """Read what the headers of a request say of who asks; of two with one name, the last holds."""
    told = dict(headers)
    return Sender(told.get(b"x-mbx-apikey", b""), told.get(b"x-mbx-time-unit", b""))


class Head(NamedTuple):
    """What one head means: who answers, who asks, and how long the body is."""

    serve: Serve
    sender: Sender
    length: int


class Lane:
    """What answers a verb and a path without Falcon, for all connections of a worker."""

    def __init__(self, table: Mapping[tuple[bytes, bytes], Serve]) -> None:
        self.table = table
        self._heads: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes, bytes] | None:
        """Return head, query and body of a request that is all of `data`, if such a head came before."""
        end = data.find(_END) + len(_END)
        line_end = data.find(_VERSION, 0, end)
        if line_end < 0:
            return None
        mark = data.find(b"?", 0, line_end)
        if mark < 0:
            query = b""
            head = self._heads.get(data[:end])
        else:
            query = data[mark + 1 : line_end]
            head = self._heads.get(data[:mark] + data[line_end:end])
        if head is None or len(data) - end != head.length or query.translate(None, _PLAIN):
            return None
        return head, query, data[end:]

    def learn(
        self, data: bytes, body: bytes, headers: Headers, serve: Serve, sender: Sender
    ) -> None:
        """Keep the head of a request that the parser found in `data`, unless it is not plain and alone."""
        end = data.find(_END) + len(_END)
        line_end = data.find(_VERSION, 0, end)
        mark = data.find(b"?", 0, max(line_end, 0))
        if line_end < 0 or end > LENGTH_LIMIT or data[end:] != body:
            return
        if any(name in _NOT_BY_LENGTH_ALONE for name, _ in headers):
            return
        if len(self._heads) >= HEADS_LIMIT:
            self._heads.clear()
        head = data[:end] if mark < 0 else data[:mark] + data[line_end:end]
        self._heads[head] = Head(serve, sender, len(body))
