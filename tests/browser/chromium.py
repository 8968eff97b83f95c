"""How the system's Chromium is started."""

from playwright.sync_api import Browser, Playwright

from tests.programs import CHROMIUM

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""No sandbox: it cannot be had as root in a container, and only our own pages are opened."""


def launched(playwright: Playwright) -> Browser:
    """Start it."""
    return playwright.chromium.launch(executable_path=CHROMIUM.found(), args=list(_FLAGS))
