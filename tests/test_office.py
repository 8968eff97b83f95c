"""The office: its door over HTTP, the admin API's keys and lines, and the audit trail."""

import argparse
import http.client
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import Refused, admin_key
from office import admin, admin_keys
from office.__main__ import routes
from office.server import BODY_LIMIT, Door
from protocol.terms import CommandFlag, SessionPhase
from runtime import audit


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    one = Door("127.0.0.1", 0, routes(tmp_path, tmp_path), for_pages=admin.PLACE)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def ask(
    door: Door, verb: str, path: str, body: Any = None, key: str = "", **headers: str
) -> tuple[int, Any]:
    client = http.client.HTTPConnection("127.0.0.1", door.server_address[1], timeout=30)
    if key:
        headers["Authorization"] = f"Bearer {key}"
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    client.request(verb, path, text, headers)
    answer = client.getresponse()
    told = answer.read()
    client.close()
    return answer.status, json.loads(told) if "json" in answer.headers["Content-Type"] else told


def test_a_key_is_shown_once_and_kept_as_a_digest_for_its_owner_alone(tmp_path):
    key = admin_keys.create(tmp_path, "erin")
    kept = tmp_path / admin_keys.FILE
    assert key not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert admin_keys.owner(tmp_path, key) == "erin"
    assert admin_keys.owner(tmp_path, key + "x") == ""
    with pytest.raises(admin_keys.WrongName, match="erin has a key"):
        admin_keys.create(tmp_path, "erin")
    admin_keys.revoke(tmp_path, "erin")
    assert admin_keys.owner(tmp_path, key) == ""
    with pytest.raises(admin_keys.WrongName, match="erin has no key"):
        admin_keys.revoke(tmp_path, "erin")


@pytest.mark.parametrize("key", ["", "wrong", "Ω"])
def test_without_a_key_nothing_is_done_or_told(door, tmp_path, key):
    admin_keys.create(tmp_path, "erin")
    for verb, path in (("GET", "/admin/v1/status"), ("POST", "/admin/v1/kill-switch")):
        headers = {"Authorization": f"Bearer {key}".encode()}
        status, told = ask(door, verb, path, **headers)
        assert (status, "openbourse admin-key create" in told["error"]) == (401, True)


@pytest.mark.parametrize("kept", [b"", b"[]", b"{", b'{"erin": 1}', b"\xff"])
def test_a_damaged_file_of_keys_lets_nobody_in_and_is_told(door, tmp_path, kept, monkeypatch):
    (tmp_path / admin_keys.FILE).write_bytes(kept)
    status, told = ask(door, "GET", "/admin/v1/status", key="wrong")
    assert (status, "admin_keys.json is damaged" in told["error"]) == (503, True)
    monkeypatch.setenv("OPENBOURSE_DATA_DIR", str(tmp_path))
    for words in (["list"], ["create", "erin"], ["revoke", "erin"]):
        parser = argparse.ArgumentParser()
        admin_key.add_arguments(parser)
        with pytest.raises(Refused, match=r"is damaged .* remove it and make new keys"):
            admin_key.run(parser.parse_args(words))
    assert (tmp_path / admin_keys.FILE).read_bytes() == kept


def test_a_revoked_key_is_refused_at_the_next_request(door, tmp_path):
    key = admin_keys.create(tmp_path, "erin")
    assert ask(door, "GET", "/admin/v1/status", key=key)[0] == 200
    admin_keys.revoke(tmp_path, "erin")
    assert ask(door, "GET", "/admin/v1/status", key=key)[0] == 401


def test_the_status_of_an_exchange_that_is_down_says_so(door, tmp_path):
    key = admin_keys.create(tmp_path, "erin")
    status, told = ask(door, "GET", "/admin/v1/status", key=key)
    assert (status, told["state"], told["instruments"]) == (200, "down", [])
    assert told["journal"] == {"files": 0, "bytes": 0, "newest": ""}


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("dance", {}, 404, "'dance' is no word of the admin API"),
        ("backup", {"directory": "/tmp/x"}, 404, "no word"),
        ("account/dance", {}, 404, "account has no word 'dance'"),
        ("halt/now", {}, 404, "halt has no word 'now'"),
        ("halt", {}, 400, "required: symbol"),
        ("halt", {"symbol": "BTCUSDT", "speed": 3}, 400, "takes no speed here"),
        ("halt", {"symbol": ["BTCUSDT"]}, 400, "symbol must be a text"),
        ("halt", {"symbol": "BTCUSDT", "cancel_orders": "true"}, 400, "cancel_orders must be true or false"),
        ("kill-switch", {"keep_orders": 1}, 400, "keep_orders must be true or false"),
        ("halt", {"help": True}, 400, "takes no help here"),
        ("phase", {"symbol": "BTCUSDT", "phase": "LUNCH"}, 400, "invalid choice: 'LUNCH'"),
        ("account/key/create", {"name": "erin", "public_key": "/etc/passwd"}, 400, "takes no public_key"),
    ],
)  # fmt: skip
def test_what_the_words_do_not_take_is_refused_with_what_is_wrong(
    door, tmp_path, path, body, status, said
):
    key = admin_keys.create(tmp_path, "erin")
    found = ask(door, "POST", f"/admin/v1/{path}", body, key)
    assert (found[0], said in found[1]["error"]) == (status, True), found


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", {}, 400),
        ("[]", {}, 400),
        ("[" * BODY_LIMIT, {}, 400),
        ("x" * (BODY_LIMIT + 1), {}, 413),
        (None, {"Content-Length": "-1"}, 411),
        (None, {"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(door, body, headers, status):
    assert ask(door, "POST", "/admin/v1/halt", body, **headers)[0] == status


def headers_of(door: Door, verb: str, path: str, **headers: str) -> tuple[int, Any]:
    client = http.client.HTTPConnection("127.0.0.1", door.server_address[1], timeout=30)
    client.request(verb, path, None, headers)
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status, answer.headers


@pytest.mark.parametrize("origin", ["http://127.0.0.1:3000", "https://127.0.0.1"])
def test_a_page_of_the_same_host_may_read_answers_and_refusals(door, tmp_path, origin):
    key = admin_keys.create(tmp_path, "erin")
    status, told = headers_of(door, "OPTIONS", "/admin/v1/halt", Origin=origin)
    assert (status, told["Access-Control-Allow-Origin"]) == (204, origin)
    assert told["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    for headers in ({"Authorization": f"Bearer {key}"}, {}):
        status, told = headers_of(door, "GET", "/admin/v1/status", Origin=origin, **headers)
        assert status == (200 if headers else 401)
        assert (told["Access-Control-Allow-Origin"], told["Vary"]) == (origin, "Origin")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1.evil.example:3000", "http://localhost:3000", "null", "",
     "ftp://127.0.0.1", "http://[", "127.0.0.1:3000"],
)  # fmt: skip
def test_no_other_page_may_read_anything(door, origin):
    for verb in ("OPTIONS", "GET"):
        _, told = headers_of(door, verb, "/admin/v1/status", Origin=origin)
        assert "Access-Control-Allow-Origin" not in told


def test_no_page_may_read_the_metrics(door):
    for verb in ("OPTIONS", "GET"):
        _, told = headers_of(door, verb, "/metrics", Origin="http://127.0.0.1:3000")
        assert "Access-Control-Allow-Origin" not in told


def test_the_door_serves_on_after_bytes_that_are_no_http(door):
    import socket

    for data in (b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"POST /admin/v1/halt HTTP/1.1\r\n"):
        with socket.create_connection(door.server_address[:2], timeout=10) as client:
            client.sendall(data)
    assert ask(door, "GET", "/metrics")[0] == 200


def test_named_arguments_become_the_line_that_a_person_would_type():
    import commands.account

    parser = admin._Parser(prog="account", allow_abbrev=False)
    commands.account.add_arguments(parser)
    body = {"name": "carol", "deposit": ["USDT=10", "BTC=1"]}
    line = admin._line(parser, ["create"], body)
    assert line == ["create", "--deposit=USDT=10", "--deposit=BTC=1", "--json", "--", "carol"]
    args = parser.parse_args(line)
    assert (args.name, args.deposit, args.json) == ("carol", ["USDT=10", "BTC=1"], True)
    strange = admin._line(parser, ["freeze"], {"name": "--json"})
    assert parser.parse_args(strange).name == "--json"


def test_the_trail_tells_who_did_what_and_is_for_its_owner_alone(tmp_path):
    audit.note(tmp_path, "deposit", {"account": 3, "cl_ord_id": b"r-1"}, "done", 17)
    token = audit.WHO.set("erin over the admin API")
    asked = {"instrument": 0, "term": SessionPhase.HALTED, "flags": CommandFlag.CANCEL_ORDERS}
    audit.note(tmp_path, "set phase", asked, "rejected: x", 18)
    audit.WHO.reset(token)
    first, second = audit.entries(tmp_path)
    assert first["who"].endswith("at the command line")
    assert (first["asked"], first["seq"]) == ({"account": 3, "cl_ord_id": "r-1"}, 17)
    assert second["asked"] == {"instrument": 0, "term": "HALTED", "flags": "CANCEL_ORDERS"}
    assert (second["who"], second["outcome"]) == ("erin over the admin API", "rejected: x")
    assert stat.S_IMODE((tmp_path / audit.FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("harm", ["changed", "removed", "swapped", "no json"])
def test_a_trail_that_was_tampered_with_is_named(tmp_path, harm):
    for number in range(4):
        audit.note(tmp_path, "deposit", {"account": number}, "done", number)
    path = tmp_path / audit.FILE
    lines = path.read_text().splitlines(keepends=True)
    if harm == "changed":
        lines[1] = lines[1].replace("done", "gone")
    elif harm == "removed":
        del lines[1]
    elif harm == "swapped":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        lines[2] = "{\n"
    path.write_text("".join(lines))
    with pytest.raises(audit.DamagedTrail, match=r"line [23] "):
        list(audit.entries(tmp_path))


def test_a_long_line_is_followed_rightly(tmp_path):
    for size in (10, 9000, 5000, 10):
        audit.note(tmp_path, "x" * size, {}, "done")
    assert len(list(audit.entries(tmp_path))) == 4
