"""ZeroMQ between hosts: sockets over tcp that encrypt, and that speak only with keys they know (CURVE).

A host has one pair of keys, `own.json`, and a list of the public keys of those who may connect to it, `trusted.json`, in a directory
that nobody else may read; `openbourse keys` makes and changes them. Who may take the market may not therefore enter orders: those
who may are in a list of their own, `edges.json`. Like `runtime/sockets.py`, none of these blocks longer than it is told.
"""

import json
import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from runtime.sockets import Ask, Serve, context

KEY_LENGTH = 40
EDGES = "edges.json"
_OWN, _TRUSTED = "own.json", "trusted.json"
_AN_OPTION = "-"
_HEARTBEAT_MS, _DEAD_MS = 1000, 3000
_LARGEST_REQUEST = 4096
_LARGEST_COMMANDS = 8 << 20


class NoKeys(Exception):
    """There are no keys, or others could read them; the message says what to do."""


class CannotListen(Exception):
    """The place cannot be had; the message says why."""


class Keys:
    """The keys of one host, in a directory of their own; `list_name`: which list of trusted ones is meant."""

    def __init__(self, folder: Path, list_name: str = _TRUSTED) -> None:
        self._folder = folder
        self._list_name = list_name

    def make(self) -> str:
        """Make this host's pair, once; the public key.

        Raises: NoKeys when there is one already.
        """
        if (self._folder / _OWN).exists():
            raise NoKeys(
                f"{self._folder / _OWN} is there already: whoever trusts its key would have to be told "
                "of another one; remove it first if that is what you want"
            )
        public = _AN_OPTION
        while public.startswith(_AN_OPTION):
            # On the command line of whoever trusts it, it would be taken for one.
            public, secret = (part.decode() for part in zmq.curve_keypair())
        self._write(_OWN, {"public": public, "secret": secret})
        return public

    def own(self) -> tuple[bytes, bytes]:
        """Return this host's public and secret key.

        Raises: NoKeys.
        """
        pair = self._read(_OWN)
        if not pair:
            raise NoKeys(f"{self._folder} has no keys: `openbourse keys create` makes them")
        return pair["public"].encode(), pair["secret"].encode()

    def trusted(self) -> Mapping[str, str]:
        """Return the public keys that may connect, by name.

        Raises: NoKeys when others can write them.
        """
        return self._read(self._list_name)

    def trust(self, name: str, public: str) -> None:
        """Let the holder of a key connect from now on."""
        self._write(self._list_name, {**self.trusted(), name: public})

    def distrust(self, name: str) -> None:
        """Let it connect no more; a connection that stands goes on until its process is restarted."""
        left = {key: value for key, value in self.trusted().items() if key != name}
        self._write(self._list_name, left)

    def _read(self, file: str) -> dict[str, str]:
        path = self._folder / file
        try:
            open_to_others = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            if open_to_others:
                raise NoKeys(f"{path} can be read or written by others: chmod 600 {path}")
            found: dict[str, str] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise NoKeys(f"{path} cannot be read: {error}") from error
        return found

    def _write(self, file: str, what: Mapping[str, str]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{file}"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(what, out)
            out.flush()
            os.fsync(descriptor)
        draft.replace(self._folder / file)


def is_key(text: str) -> bool:
    """Whether a text can be a public key."""
    try:
        return len(text) == KEY_LENGTH and len(z85.decode(text)) == 32
    except (ValueError, KeyError):
        return False


class Guard:
    """Asks, at every handshake of this process's listening sockets, whether the key is known now."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._thread = ThreadAuthenticator(context())
        self._thread.start()
        self._thread.configure_curve_callback("*", credentials_provider=self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Answer ZeroMQ; keys that cannot be read are nobody's."""
        try:
            return key.decode() in self._keys.trusted().values()
        except NoKeys:
            return False

    def close(self) -> None:
        """Ask no more."""
        self._thread.stop()


class Announcer:
    """Publishes to those who are trusted."""

    def __init__(self, keys: Keys, place: str, limit: int) -> None:
        self._socket = _listening(zmq.PUB, keys, place, limit)

    def send(self, frame: bytes) -> None:
        """Send one frame to every listener that has room for it."""
        self._socket.send(frame, zmq.NOBLOCK)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close(0)


class Desk:
    """Answers questions of those who are trusted."""

    def __init__(self, keys: Keys, place: str, limit: int) -> None:
        self._socket = _listening(zmq.ROUTER, keys, place, limit)
        self._socket.maxmsgsize = _LARGEST_REQUEST

    def asked(self) -> tuple[bytes, bytes] | None:
        """Return who asks and what, if anybody does now."""
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            if len(parts) == 3 and not parts[1]:
                return parts[0], parts[2]

    def answer(self, who: bytes, parts: list[bytes]) -> None:
        """Answer; who has gone meanwhile gets nothing."""
        self._socket.send_multipart([who, b"", *parts], zmq.NOBLOCK)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close(0)


class Listener:
    """Hears what an announcer says."""

    def __init__(self, keys: Keys, server_key: str, place: str, limit: int) -> None:
        self._socket = _calling(zmq.SUB, keys, server_key, limit)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._socket.connect(f"tcp://{place}")

    def heard(self, timeout_s: float) -> bytes | None:
        """Return the next frame; None when none came in time."""
        if not self._socket.poll(max(1, int(timeout_s * 1000)), zmq.POLLIN):
            return None
        return self._socket.recv()

    def close(self) -> None:
        """Hear no more."""
        self._socket.close(0)


class Counter(Serve):
    """The bound end of a ROUTER↔DEALER wire between hosts, for those who are trusted."""

    def __init__(self, keys: Keys, place: str, limit: int) -> None:
        super().__init__(limit)
        _tune(self._socket, limit)
        self._socket.maxmsgsize = _LARGEST_COMMANDS
        _listen(self._socket, keys, place)


class Visitor(Ask):
    """The connecting end of such a wire; `counters`: the public keys and places of those who may be there.

    It is with one of them at a time, first with the first. Nothing is kept for a counter that is not there.
    """

    def __init__(self, keys: Keys, counters: Sequence[tuple[str, str]], limit: int) -> None:
        super().__init__(limit)
        self._keys, self._counters, self._limit = keys, counters, limit
        self._turns = 0
        self._enter()

    def come_again(self) -> None:
        """Connect anew, to the next one of several.

        ZeroMQ itself does not try again where a key was refused, and it may be trusted now.
        """
        self._socket.close(0)
        super().__init__(self._limit)
        self._turns += 1
        self._enter()

    def _enter(self) -> None:
        server_key, place = self._counters[self._turns % len(self._counters)]
        _tune(self._socket, self._limit)
        _call(self._socket, self._keys, server_key)
        self.connect(f"tcp://{place}")


def ask(
    keys: Keys, server_key: str, place: str, what: bytes, timeout_s: float
) -> list[bytes] | None:
    """Ask a desk one question; None when no answer came in time, as from who does not know our key."""
    socket = _calling(zmq.REQ, keys, server_key, 1)
    deadline = time.monotonic() + timeout_s
    # A key that is refused before the question is sent leaves nobody to send it to: that would wait for ever.
    socket.sndtimeo = int(timeout_s * 1000)
    try:
        socket.connect(f"tcp://{place}")
        socket.send(what)
        if not socket.poll(max(0, int((deadline - time.monotonic()) * 1000)), zmq.POLLIN):
            return None
        return socket.recv_multipart()
    except zmq.Again:
        return None
    finally:
        socket.close(0)


def _listening(kind: int, keys: Keys, place: str, limit: int) -> "zmq.Socket[bytes]":
    socket = context().socket(kind)
    _tune(socket, limit)
    _listen(socket, keys, place)
    return socket


def _listen(socket: "zmq.Socket[bytes]", keys: Keys, place: str) -> None:
    socket.curve_publickey, socket.curve_secretkey = keys.own()
    socket.curve_server = True
    try:
        socket.bind(f"tcp://{place}")
    except zmq.ZMQError as error:
        socket.close(0)
        raise CannotListen(f"cannot listen on {place}: {error}") from error


def _calling(kind: int, keys: Keys, server_key: str, limit: int) -> "zmq.Socket[bytes]":
    socket = context().socket(kind)
    _tune(socket, limit)
    _call(socket, keys, server_key)
    return socket


def _call(socket: "zmq.Socket[bytes]", keys: Keys, server_key: str) -> None:
    socket.curve_publickey, socket.curve_secretkey = keys.own()
    socket.curve_serverkey = server_key.encode()


def _tune(socket: "zmq.Socket[bytes]", limit: int) -> None:
    socket.set_hwm(limit)
    socket.linger = 0
    socket.ipv6 = True
    socket.heartbeat_ivl, socket.heartbeat_timeout = _HEARTBEAT_MS, _DEAD_MS
