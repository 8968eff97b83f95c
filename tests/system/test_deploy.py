"""The exchange behind a real nginx with TLS, and under a real supervisord."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from commands.rest_client import Keys, Rejected, RestClient
from runtime.ports import free_port
from supervision import status
from tests.fake_exchange import until
from tests.programs import NGINX, SUPERVISORD
from tests.system.exchange_fixture import ROOT, START_S, Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {"OPENBOURSE_MARKET_RATE": "0", "OPENBOURSE_REST_PROXIES": "127.0.0.1"}
DEPLOY = ROOT / "conf" / "deploy"


@pytest.fixture(scope="module")
def site(
    venue: Exchange, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A running nginx with the shipped site; its TLS port and what trusts its certificate."""
    if not NGINX.found():
        pytest.skip(NGINX.why_missing())
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    told, port, plain = venue.status(), free_port(), free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in {
        "127.0.0.1:3000": told["rest"].removeprefix("http://"),
        "127.0.0.1:4000": told["ws"].removeprefix("ws://"),
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "/etc/openbourse/tls/fullchain.pem": str(folder / "cert.pem"),
        "/etc/openbourse/tls/privkey.pem": str(folder / "key.pem"),
        "exchange.example": "localhost",
        "    listen [::]:443 ssl;\n": "",
        "    listen [::]:80;\n": "",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {folder}/site.conf;\n}}\n"
    (folder / "nginx.conf").write_text(main)
    command = [
        NGINX.found(),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    child = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        until(lambda: answers(port), "nginx")
        yield port, ssl.create_default_context(cafile=folder / "cert.pem")
    finally:
        child.terminate()
        child.wait(30)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_orders_and_streams_go_through_nginx_with_tls(venue, site):
    port, trust = site
    client = RestClient("localhost", port)
    client.connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=30)
    order = {
        "symbol": "BTCUSDT",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "50000",
    }
    with connect(f"wss://localhost:{port}/ws/btcusdt@trade", ssl=trust, compression=None) as stream:
        for name, side in (("alice", "BUY"), ("bob", "SELL")):
            client.signed("POST", "/api/v3/order", venue.demo_keys(name), **order, side=side)
        assert json.loads(stream.recv(timeout=20))["e"] == "trade"
    with connect(
        f"wss://localhost:{port}/stream?streams=btcusdt@trade", ssl=trust, compression=None
    ) as stream:
        assert stream.ping().wait(20)
    with connect(f"wss://localhost:{port}/ws-api/v3", ssl=trust, compression=None) as stream:
        stream.send('{"id": 1, "method": "ping"}')
        assert json.loads(stream.recv(timeout=20))["status"] == 200
    client.connection.close()


@pytest.mark.parametrize("peer", ["127.0.0.7", "127.0.0.8"])
def test_a_key_bound_to_an_address_works_from_there_through_nginx(venue, site, peer):
    port, trust = site
    venue.asked("account", "create", f"from-{peer}")
    made = venue.asked("account", "key", "create", f"from-{peer}", "--ip", "127.0.0.7")
    client = RestClient("localhost", port)
    client.connection = http.client.HTTPSConnection(
        "localhost", port, context=trust, timeout=30, source_address=(peer, 0)
    )
    with contextlib.closing(client.connection):
        keys = Keys(made["api_key"], made["secret"])
        if peer == "127.0.0.7":
            assert client.signed("GET", "/api/v3/account", keys)["canTrade"] is True
        else:
            with pytest.raises(Rejected, match="-2015"):
                client.signed("GET", "/api/v3/account", keys)


def test_the_office_cannot_be_reached_through_nginx(site):
    port, trust = site
    for path in ("/metrics", "/admin/v1/status"):
        client = http.client.HTTPSConnection("localhost", port, context=trust, timeout=30)
        client.request("GET", path)
        assert client.getresponse().status == 404
        client.close()


@pytest.mark.skipif(not SUPERVISORD.found(), reason=SUPERVISORD.why_missing())
def test_supervisord_starts_the_exchange_and_stops_it_in_good_order(tmp_path: Path):
    venue = Exchange(tmp_path / "data", "--no-demo")
    venue.data_dir.mkdir()
    ports = {f"OPENBOURSE_{door}_PORT": "0" for door in ("REST", "WS", "OFFICE")}
    environ = {
        **os.environ,
        **ports,
        "OPENBOURSE_DATA_DIR": str(venue.data_dir),
        "OPENBOURSE_DEMO": "false",
    }
    # A package of its own is called as our supervisor is.
    environ.pop("PYTHONPATH", None)
    child = subprocess.Popen(
        [SUPERVISORD.found(), "-n", "-c", str(DEPLOY / "supervisord.conf")],
        env=environ, cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: status.told(venue.run)["state"] == "running", "running", START_S)
        child.send_signal(signal.SIGTERM)
        assert child.wait(120) == 0
        log = (venue.data_dir / "openbourse.log").read_text()
        assert "stopped in good order" in log
        assert status.told(venue.run)["state"] == "down"
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        venue.wipe()
