"""The pages for people: the trading terminal at `/`, the operator's page at `/ops`, and what they must know to begin.

Every file is read once, when the worker starts, and found by its exact name: no path reaches the disk. The
files are served below a digest of all of them, so a browser may keep them for ever and an upgrade
is seen at once; the pages themselves are asked for each time and answered 304 when unchanged.
"""

import gzip
import hashlib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import falcon
import falcon.asgi
import msgspec

from conf.settings import Settings
from ingress import errors
from ingress.responder import Incoming
from runtime import demo_keys

FOLDER = Path(__file__).parent / "terminal"
PAGES = {"/": "index.html", "/ops": "ops.html"}
"""What a person types, and the file that answers."""
_HERE = b"/terminal/@/"
"""Stands in the pages for the folder with the digest."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASK_AGAIN = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"
_FORWARDED = ("FORWARDED", "X-FORWARDED-FOR", "X-REAL-IP", "VIA")
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_SMALLEST_GZIP = 1_000

App = falcon.asgi.App[Incoming, falcon.asgi.Response]


class File:
    """One file as it is sent: whole, and packed when that is shorter."""

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.type = _TYPES[Path(name).suffix]
        self.tag = hashlib.sha256(body).hexdigest()[:32]
        packed = gzip.compress(body, mtime=0) if len(body) >= _SMALLEST_GZIP else body
        self.packed = packed if len(packed) < len(body) else b""

    def send(self, req: Incoming, resp: falcon.asgi.Response, *, keep: str) -> None:
        """Answer with the file, or with 304 when the browser has it."""
        resp.set_headers({**_ALWAYS, "Cache-Control": keep, "Vary": "Accept-Encoding"})
        resp.etag = self.tag
        if any(tag == "*" or tag == self.tag for tag in req.if_none_match or ()):
            resp.status = falcon.HTTP_304
            return
        resp.content_type = self.type
        if self.packed and "gzip" in (req.get_header("Accept-Encoding") or ""):
            resp.set_header("Content-Encoding", "gzip")
            resp.data = self.packed
        else:
            resp.data = self.body


class Page:
    """One page at its address."""

    def __init__(self, file: File, policy: str) -> None:
        self._file = file
        self._policy = policy

    async def on_get(self, req: Incoming, resp: falcon.asgi.Response) -> None:
        """Answer with the page."""
        resp.set_header("Content-Security-Policy", self._policy)
        self._file.send(req, resp, keep=_ASK_AGAIN)


class Files:
    """What the pages load."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = files

    async def on_get(self, req: Incoming, resp: falcon.asgi.Response, name: str) -> None:
        """Answer with one file."""
        if name not in self._files:
            raise falcon.HTTPNotFound
        self._files[name].send(req, resp, keep=_FOR_EVER)


class Beginning:
    """What a page must know before it can ask anything else: where the other doors are, whether this is a demo."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def on_get(self, req: Incoming, resp: falcon.asgi.Response) -> None:
        """Answer with JSON."""
        told = {
            "streamsUrl": self._settings.ws.public_url,
            "streamsPort": self._settings.ws.port,
            "officePort": self._settings.office.port,
            "demo": _may_see_demo(self._settings, req),
        }
        _tell(resp, told)


class DemoKeys:
    """The keys of the demo accounts, for a browser on this machine and for nobody else.

    Refused unless the demo is on, REST listens on a loopback address, the client and the name it
    asked for are local (a foreign page whose name was made to point here asks for that name),
    and nothing says that the request was passed on by a proxy.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def on_get(self, req: Incoming, resp: falcon.asgi.Response) -> None:
        """Answer with the keys by account name."""
        if not _may_see_demo(self._settings, req):
            resp.status = falcon.HTTP_403
            _tell(
                resp,
                errors.Refused(-1002, "You are not authorized to execute this request.").body(),
            )
            return
        _tell(resp, demo_keys.read(self._settings.data_dir))


def add_pages(app: App, settings: Settings) -> None:
    """Add the pages and all they need to the application.

    Raises: OSError when the files are not there.
    """
    bodies = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _TYPES
    }
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(body), body))
    here = f"/terminal/{digest.hexdigest()[:16]}/"
    others = {"/": _streams(settings), "/ops": _any_scheme("http", settings.office.port)}
    for address, name in PAGES.items():
        body = bodies.pop(name).replace(_HERE, here.encode())
        app.add_route(address, Page(File(name, body), _policy(others[address])))
    files = {name: File(name, body) for name, body in bodies.items()}
    app.add_route(here + "{name:path}", Files(files))
    app.add_route("/terminal/config.json", Beginning(settings))
    app.add_route("/terminal/demo.json", DemoKeys(settings))


def _policy(others: str) -> str:
    """Say what a page may load and whom it may talk to: us, and the others it needs."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {others}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _streams(settings: Settings) -> str:
    if not settings.ws.public_url:
        return _any_scheme("ws", settings.ws.port)
    where = urlsplit(settings.ws.public_url)
    return f"{where.scheme}://{where.netloc}"


def _any_scheme(scheme: str, port: int) -> str:
    """Name a door of ours by its port: which name of this host the browser used is not known here."""
    return f"{scheme}://*:{port} {scheme}s://*:{port}"


def _may_see_demo(settings: Settings, req: Incoming) -> bool:
    if not settings.demo or any(req.get_header(name) for name in _FORWARDED):
        return False
    asked_for = urlsplit(f"//{req.get_header('Host') or ''}").hostname
    return (
        _is_loopback(settings.rest.host) and _is_loopback(req.address) and asked_for in _LOCAL_NAMES
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tell(resp: falcon.asgi.Response, told: Any) -> None:
    resp.set_headers({**_ALWAYS, "Cache-Control": "no-store"})
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(told)
