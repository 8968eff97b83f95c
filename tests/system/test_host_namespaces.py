"""Two hosts as two network namespaces with a wire between them that can be pulled (docs/hosts.md)."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from runtime.ports import free_port
from tests.system.exchange_fixture import Exchange
from tests.system.test_hosts import PATIENCE_S, SYMBOL, Hosts
from tests.valkey_fixture import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
HOME, EDGE = "10.213.77.1", "10.213.77.2"
_numbers = itertools.count()
_NAME = re.compile(r"\bob(\d+)-\d+\b")


def ip(*words: str) -> str:
    """Run `ip`; what it says when it fails."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def sweep() -> None:
    """Take away the namespaces of tests that were killed: two with one address would hear nothing."""
    told = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    for left in _NAME.finditer(told.stdout):
        if not Path(f"/proc/{left[1]}").exists():
            take_away(left[0])


def take_away(name: str) -> None:
    """Remove a namespace, and with it the wire to it."""
    ip("netns", "del", name)
    ip("link", "del", name)


class NotAllowed(Exception):
    """This machine has no network namespaces for us; the message says why."""


@contextmanager
def joined(home: str = HOME, edge: str = EDGE) -> Iterator[str]:
    """Make a namespace with a wire to this one; its name is also the wire's end here.

    Raises: NotAllowed.
    """
    if shutil.which("ip") is None:
        raise NotAllowed("iproute2 is not installed: there is no `ip`")
    sweep()
    name = f"ob{os.getpid()}-{next(_numbers)}"
    if why := ip("netns", "add", name):
        raise NotAllowed(f"this machine allows no network namespaces: {why}")
    try:
        steps = [
            ("link", "add", name, "type", "veth", "peer", "name", "out", "netns", name),
            ("addr", "add", f"{home}/30", "dev", name),
            ("link", "set", name, "up"),
            ("-n", name, "addr", "add", f"{edge}/30", "dev", "out"),
            ("-n", name, "link", "set", "out", "up"),
            ("-n", name, "link", "set", "lo", "up"),
        ]
        for step in steps:
            if why := ip(*step):
                raise NotAllowed(f"this machine allows no wire between namespaces: {why}")
        yield name
    finally:
        take_away(name)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace with a wire to this one; its name is also the wire's end here."""
    with ExitStack() as stack:
        try:
            name = stack.enter_context(joined())
        except NotAllowed as why:
            pytest.skip(str(why))
        yield name


@pytest.fixture
def hosts(namespace: str, tmp_path: Path) -> Iterator[Hosts]:
    valkey = Valkey(tmp_path, HOME)
    valkey.start()
    home = Exchange(
        tmp_path / "home", "--no-demo", OPENBOURSE_REDIS_URL=valkey.url, OPENBOURSE_REST_HOST=HOME
    )
    here = {"OPENBOURSE_REST_HOST": EDGE, "OPENBOURSE_WS_HOST": EDGE}
    edge = Exchange(tmp_path / "edge", OPENBOURSE_REDIS_SOURCE=valkey.url, **here)
    edge.prefix = ("ip", "netns", "exec", namespace)
    try:
        home.start()
        edge.start()
        yield Hosts(valkey, home, edge)
    finally:
        edge.wipe()
        home.wipe()
        valkey.kill()


STRANGER = """
import sys
from pathlib import Path
from runtime.curve import Keys
from runtime.market_wire import MarketLink, Unreachable
keys = Keys(Path(sys.argv[1]))
keys.make()
link = MarketLink(keys, sys.argv[2], sys.argv[3])
for what in (link.listen, link.state):
    try:
        print(what())
    except Unreachable as why:
        print(f"refused: {why}")
"""


def test_the_market_goes_over_an_encrypted_wire_to_a_host_whose_key_is_trusted_only(
    namespace: str, tmp_path: Path
) -> None:
    place = f"{HOME}:{free_port(HOME)}"
    home = Exchange(
        tmp_path / "home", "--no-demo", OPENBOURSE_WIRE_LISTEN=place, OPENBOURSE_REST_HOST=HOME
    )
    here = {"OPENBOURSE_REST_HOST": EDGE, "OPENBOURSE_WS_HOST": EDGE}
    edge = Exchange(tmp_path / "edge", OPENBOURSE_WIRE_SOURCE=place, **here)
    edge.prefix = ("ip", "netns", "exec", namespace)
    try:
        exchange_key = home.asked("keys", "create")["public"]
        edge_key = edge.asked("keys", "create")["public"]
        edge._environ["OPENBOURSE_WIRE_SOURCE_KEY"] = exchange_key
        home.start()
        stranger = subprocess.run(
            [*edge.prefix, sys.executable, "-c", STRANGER, tmp_path / "stranger", exchange_key, place],
            env=edge._environ, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert stranger.stdout.count("refused: nobody answers") == 2, stranger.stdout
        home.asked("keys", "trust", "edge", edge_key)
        edge.start()
        hosts = Hosts(None, home, edge)
        hosts.trade(5)
        hosts.agree()
        assert ip("link", "set", namespace, "down") == ""
        hosts.trade(5)
        assert home.is_whole()
        assert ip("link", "set", namespace, "up") == ""
        hosts.trade(2)
        hosts.agree()
        # A key that is not trusted any more is refused when the connection is made anew.
        home.asked("keys", "distrust", "edge")
        home.asked("restart", "relay")
        edge.until(lambda: edge.process("mirror")["facts"].get("away"), "refused", PATIENCE_S)
        assert "the wire is away: nobody answers" in edge.log.read_text()
        assert {one["what"] for one in home.asked("audit")["entries"]} >= {
            "keys trust",
            "keys distrust",
        }
    finally:
        edge.wipe()
        home.wipe()


def test_a_wire_that_is_pulled_and_put_back_leaves_the_books_right(
    hosts: Hosts, namespace: str
) -> None:
    hosts.trade(5)
    hosts.agree()
    for _ in range(2):
        assert ip("link", "set", namespace, "down") == ""
        hosts.trade(5)
        assert hosts.home.is_whole()
        assert ip("link", "set", namespace, "up") == ""
        hosts.trade(2)
        hosts.agree()
    url = f"{hosts.edge.status()['ws']}/ws/ethusdt@depth@100ms"
    with connect(url, compression=None, proxy=None) as client:
        hosts.trade(1)
        assert json.loads(client.recv(timeout=PATIENCE_S))["s"] == SYMBOL


def test_the_namespaces_of_killed_tests_are_taken_away() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left, used = f"ob{child.pid}-0", f"ob{os.getpid()}-99"
    if why := ip("netns", "add", left):
        pytest.skip(f"this machine allows no network namespaces: {why}")
    ip("netns", "add", used)
    try:
        sweep()
        assert ip("netns", "exec", left, "true")
        assert not ip("netns", "exec", used, "true")
    finally:
        take_away(left)
        take_away(used)
