"""The pages for people: what is served, what may be kept, and who may see the keys of the demo."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import falcon.asgi
import pytest

from conf.settings import Settings
from ingress.pages import FOLDER, PAGES, add_pages
from ingress.responder import Incoming
from runtime import demo_keys
from tests.rest_house import Answer, Client, House

KEYS = {"alice": {"account": "1", "api_key": "K", "secret": "S"}}


@pytest.fixture
def settings(tmp_path):
    demo_keys.write(tmp_path, KEYS)
    return Settings(data_dir=tmp_path)


class Browser:
    """Asks the pages for something, from an address."""

    def __init__(
        self, settings: Settings, runner: asyncio.Runner, address: str = "127.0.0.1"
    ) -> None:
        self._app = falcon.asgi.App(request_type=Incoming)
        add_pages(self._app, settings)
        self._address = address
        self._client = Client(House.__new__(House), runner, self._from_here)

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path; `_` in the name of a header stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.ask("GET", path, headers={"Host": "127.0.0.1:3000", **named})

    async def _from_here(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "client": (self._address, 40000)}, receive, send)


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def client(settings, runner):
    return Browser(settings, runner)


def folder_in(page: str) -> str:
    found = re.search(r'"(/terminal/[0-9a-f]{16}/)main\.js"', page)
    assert found
    return found[1]


def test_the_terminal_is_at_the_root(client):
    answer = client.get("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_file_that_the_pages_and_modules_name_is_served(client):
    found = 0
    for address in PAGES:
        page = client.get(address).body.decode()
        for name in re.findall(r'(?:src|href)="(/terminal/[^"]+)"', page):
            assert client.get(name).status == 200, name
            found += 1
    here = folder_in(client.get("/").body.decode())
    for module in FOLDER.glob("*.js"):
        assert client.get(here + module.name).status == 200
        for name in re.findall(r'from "\./([^"]+)"', module.read_text()):
            assert client.get(here + name).status == 200, (module.name, name)
            found += 1
    assert found > 50


def test_files_are_kept_for_ever_below_a_digest_of_them_all(client):
    here = folder_in(client.get("/").body.decode())
    answer = client.get(f"{here}main.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/terminal/0000000000000000/main.js").status == 404


def test_what_the_browser_has_already_is_not_sent_again(client):
    for path in ("/", folder_in(client.get("/").body.decode()) + "main.js"):
        tag = client.get(path).headers["etag"]
        again = client.get(path, If_None_Match=tag)
        assert (again.status, again.body) == (304, b"")
        other = client.get(path, If_None_Match='"another"')
        assert other.status == 200


def test_files_are_packed_for_those_who_understand_it(client):
    here = folder_in(client.get("/").body.decode())
    path = here + "vendor/lightweight-charts.js"
    whole = client.get(path)
    packed = client.get(path, Accept_Encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(whole.body) / 2
    assert whole.body == (FOLDER / "vendor" / "lightweight-charts.js").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "/etc/passwd", "vendor/../../pages.py", ""],
)
def test_no_path_leads_out_of_the_folder(client, name):
    here = folder_in(client.get("/").body.decode())
    assert client.get(here + name).status == 404


def test_a_page_may_talk_to_the_exchange_and_to_nobody_else(client, settings, runner):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "connect-src 'self' ws://*:4000 wss://*:4000;" in policy
    ws = replace(settings.ws, public_url="wss://streams.example/x")
    behind_proxy = Browser(replace(settings, ws=ws), runner)
    policy = behind_proxy.get("/").headers["content-security-policy"]
    assert "connect-src 'self' wss://streams.example;" in policy


def test_the_operators_page_may_talk_to_the_office_and_the_terminal_may_not(client):
    policy = client.get("/ops").headers["content-security-policy"]
    assert "connect-src 'self' http://*:3100 https://*:3100;" in policy
    assert "ws:" not in policy
    assert "3100" not in client.get("/").headers["content-security-policy"]


def test_nothing_in_the_pages_needs_more_than_the_policy_allows():
    for page in {FOLDER / name for name in PAGES.values()}:
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), page.name


def test_a_page_learns_where_the_other_doors_are(client, settings):
    told = {"streamsUrl": "", "streamsPort": 4000, "officePort": 3100, "demo": True}
    answer = client.get("/terminal/config.json")
    assert (answer.json, answer.headers["cache-control"]) == (told, "no-store")


def demo_as(settings: Settings, address: str = "127.0.0.1", **headers: str) -> Answer:
    with asyncio.Runner() as runner:
        return Browser(settings, runner, address).get("/terminal/demo.json", **headers)


@pytest.mark.parametrize("name", ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "localhost"])
def test_a_browser_on_this_machine_is_offered_the_keys_of_the_demo(settings, name):
    answer = demo_as(settings, Host=name)
    assert (answer.status, answer.json) == (200, KEYS)


def test_nobody_else_sees_the_keys_of_the_demo(settings):
    wide = replace(settings, rest=replace(settings.rest, host="0.0.0.0"))
    for answer in (
        demo_as(replace(settings, demo=False)),
        demo_as(wide),
        demo_as(settings, "192.0.2.7"),
        # A name of the stranger's own that was made to lead here.
        demo_as(settings, Host="evil.example:3000"),
        demo_as(settings, X_Forwarded_For="192.0.2.7"),
        demo_as(settings, Forwarded="for=192.0.2.7"),
        demo_as(settings, Via="1.1 proxy"),
    ):
        assert (answer.status, answer.json["code"]) == (403, -1002)
        assert "access-control-allow-origin" not in answer.headers


def test_without_demo_accounts_there_are_no_keys(tmp_path):
    assert demo_as(Settings(data_dir=tmp_path)).json == {}


def test_no_file_of_the_pages_is_longer_than_400_lines():
    own = [path for path in Path(FOLDER).glob("*") if path.is_file()]
    lengths = {path.name: len(path.read_text().splitlines()) for path in own}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}
