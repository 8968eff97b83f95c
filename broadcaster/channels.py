"""Who listens to what, and the one encoding that all of them get.

A stream has a lane for every form in which somebody reads it: the name as it was subscribed, plain
or combined, milliseconds or microseconds. A message is encoded and framed once for each lane and
waits there until the tick ends; then the same bytes are written to every subscriber of the lane, in one
write with those of its other lanes.

A subscriber that does not read fast enough is `lagging`: what comes for it is left out and the
stream noted. When it reads again it gets the present state of the noted streams that have one;
a depth difference stream shows the hole by its ids. A user data stream has no way to show one, so its
slow subscriber has to go. A lane has no memory of single subscribers, so a slow one costs the
others nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from websockets.frames import CloseCode

from broadcaster.encode import combined, frame_of, text_of
from broadcaster.messages import Body, Message
from runtime.listen_keys import is_listen_key
from runtime.websocket import TOO_SLOW


class Subscriber(Protocol):
    """What a connection must have to be one. `names` belongs to Channels."""

    combined: bool
    unit_ns: int
    lagging: bool
    names: dict[str, None]
    missed: dict[str, None]
    """Names of streams of which something was left out."""

    def write(self, data: bytes) -> None:
        """Send whole frames; must not fail and not block."""

    def stop(self, code: CloseCode, reason: str) -> None:
        """Hang up, saying why."""


class _Form(NamedTuple):
    name: str
    combined: bool
    unit_ns: int

    def frame(self, body: Body) -> bytes:
        payload = text_of(body, self.unit_ns)
        return frame_of(combined(self.name, payload) if self.combined else payload)


class _Lane:
    def __init__(self, form: _Form) -> None:
        self.form = form
        self.subscribers: dict[Subscriber, None] = {}
        self.waiting: list[bytes] = []


class Channels:
    """All lanes."""

    def __init__(self) -> None:
        self.current: Callable[[str], Body | None] = _no_state
        """What a stream that tells a state would say now; None for other streams."""
        self._lanes: dict[str, dict[_Form, _Lane]] = {}
        self._waiting: list[_Lane] = []

    def __contains__(self, stream: object) -> bool:
        """Tell whether anybody listens to the stream, by its plain name."""
        return stream in self._lanes

    def subscribe(self, subscriber: Subscriber, names: Iterable[str]) -> None:
        """Add streams; names nobody ever publishes to are as good as any. State streams answer at once."""
        for name in names:
            if name not in subscriber.names:
                subscriber.names[name] = None
                self._join(subscriber, name)
                self._tell_state(subscriber, name)

    def unsubscribe(self, subscriber: Subscriber, names: Iterable[str]) -> None:
        """Take streams away; names that were not subscribed are ignored."""
        for name in names:
            if name in subscriber.names:
                del subscriber.names[name]
                self._part(subscriber, name)

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber: nothing is written to it any more."""
        self.unsubscribe(subscriber, list(subscriber.names))

    def set_combined(self, subscriber: Subscriber, *, wrapped: bool) -> None:
        """Switch all streams of a subscriber to the plain or the combined form."""
        self.flush()
        for name in subscriber.names:
            self._part(subscriber, name)
        subscriber.combined = wrapped
        for name in subscriber.names:
            self._join(subscriber, name)

    def catch_up(self, subscriber: Subscriber) -> None:
        """Tell a subscriber that reads again the state of those streams of which it missed something."""
        missed, subscriber.missed = subscriber.missed, {}
        for name in missed:
            if name in subscriber.names:
                self._tell_state(subscriber, name)

    def publish(self, messages: Iterable[Message]) -> None:
        """Encode messages for every lane that takes them; they leave with the next `flush`."""
        for stream, body in messages:
            for form, lane in self._lanes.get(stream, {}).items():
                if not lane.waiting:
                    self._waiting.append(lane)
                lane.waiting.append(form.frame(body))

    def flush(self) -> int:
        """Write what waits to all who read; return how many messages were delivered."""
        delivered = 0
        hopeless: list[Subscriber] = []
        lanes, self._waiting = self._waiting, []
        is_only_lane = len(lanes) == 1
        # A write is a call of the kernel, 5 µs of it: who has several streams gets them in one.
        parts: defaultdict[Subscriber, list[bytes]] = defaultdict(list)
        for lane in lanes:
            data = lane.waiting[0] if len(lane.waiting) == 1 else b"".join(lane.waiting)
            count = len(lane.waiting)
            lane.waiting = []
            for subscriber in lane.subscribers:
                if not subscriber.lagging:
                    delivered += count
                    if is_only_lane:
                        subscriber.write(data)
                    else:
                        parts[subscriber].append(data)
                elif is_listen_key(lane.form.name):
                    hopeless.append(subscriber)
                else:
                    subscriber.missed[lane.form.name] = None
        for subscriber, pieces in parts.items():
            subscriber.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        for subscriber in hopeless:
            subscriber.stop(CloseCode.POLICY_VIOLATION, TOO_SLOW)
        return delivered

    def subscribers(self, stream: str) -> list[Subscriber]:
        """Return who listens to a stream."""
        lanes = self._lanes.get(stream, {}).values()
        return [subscriber for lane in lanes for subscriber in lane.subscribers]

    def tell_all(self, subscribers: Iterable[Subscriber], stream: str, body: Body) -> None:
        """Tell subscribers at once what is of no stream; `stream` is its name in combined form."""
        for subscriber in subscribers:
            if not subscriber.lagging:
                subscriber.write(_form(subscriber, stream).frame(body))

    def _tell_state(self, subscriber: Subscriber, name: str) -> None:
        body = self.current(plain_name(name))
        if body is None:
            return
        if subscriber.lagging:
            subscriber.missed[name] = None
        else:
            subscriber.write(_form(subscriber, name).frame(body))

    def _join(self, subscriber: Subscriber, name: str) -> None:
        form = _form(subscriber, name)
        lanes = self._lanes.setdefault(plain_name(name), {})
        lanes.setdefault(form, _Lane(form)).subscribers[subscriber] = None

    def _part(self, subscriber: Subscriber, name: str) -> None:
        form = _form(subscriber, name)
        lanes = self._lanes[plain_name(name)]
        del lanes[form].subscribers[subscriber]
        if not lanes[form].subscribers:
            del lanes[form]
        if not lanes:
            del self._lanes[plain_name(name)]


def _no_state(stream: str) -> Body | None:
    return None


def plain_name(name: str) -> str:
    """Return the name under which a stream is published: the long window needs no ending."""
    return name.removesuffix("@1000ms")


def _form(subscriber: Subscriber, name: str) -> _Form:
    return _Form(name, subscriber.combined, subscriber.unit_ns)
