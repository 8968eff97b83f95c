"""Keys of every kind sign in the browser: a pair made there, and a private key that was pasted."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from playwright.sync_api import expect

from tests.browser.trader import Trader
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def registered(venue: Exchange, public_pem: str, folder: Path) -> str:
    """Let the operator register a public key for alice; the API key that comes back."""
    path = folder / "public.pem"
    path.write_text(public_pem)
    words = ("alice", "--type", "ED25519", "--public-key", str(path))
    return str(venue.asked("account", "key", "create", *words)["api_key"])


def trades_with_it(trader: Trader, name: str) -> None:
    page = trader.page
    expect(page.locator("#key-name")).to_have_text(name)
    expect(page.locator("#available")).to_contain_text("USDT")
    assert page.evaluate("terminal.rest.signer.kind") == "ED25519"
    assert "NEW" in trader.place("buy", price="47500.00", quantity="0.125")
    trader.sees(trader.level("bids", "47,500.00"), "0.12500")
    trader.sees(trader.count, "1")


def test_a_pair_made_in_the_browser_signs_and_never_leaves_it(trader, tmp_path):
    trader.arrive(account="")
    page = trader.page
    page.click("#keys-open")
    page.click("#make-pair")
    expect(page.locator("#pair-public")).to_contain_text("BEGIN PUBLIC KEY")
    expect(page.locator("#secret-row")).to_be_hidden()
    trader.shot("23-ed25519-pair")
    page.fill("#key-label", "my pair")
    page.fill(
        "#key-api", registered(trader.venue, page.inner_text("#pair-public") + "\n", tmp_path)
    )
    page.click("#key-form >> text=Add")
    trades_with_it(trader, "my pair")
    read_out = "crypto.subtle.exportKey('pkcs8', terminal.rest.signer.key).then(() => 'read', (e) => e.name)"
    assert page.evaluate(read_out) == "InvalidAccessError"
    # The next visit signs with it again.
    page.reload()
    page.wait_for_selector("html[data-ready=yes][data-key=yes]")
    expect(page.locator("#key-name")).to_have_text("my pair")
    trader.sees(trader.count, "1")
    page.click("#rows-open >> text=Cancel")
    trader.sees(trader.count, "0")


def test_a_private_key_that_is_pasted_signs(trader, tmp_path):
    pair = Ed25519PrivateKey.generate()
    public = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    trader.arrive(account="")
    page = trader.page
    page.click("#keys-open")
    page.fill("#key-label", "pasted")
    page.fill("#key-api", registered(trader.venue, public.decode(), tmp_path))
    page.fill("#key-secret", private.decode())
    page.click("#key-form >> text=Add")
    trades_with_it(trader, "pasted")
    assert page.input_value("#key-secret") == ""
