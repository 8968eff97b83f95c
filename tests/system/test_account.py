"""`openbourse account …` against a running matcher and a real database."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

import supervisor
from runtime.vault import Vault
from tests.system.writer_house import House

pytestmark = [pytest.mark.system, pytest.mark.slow]
Asked = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An exchange with the assets BTC, ETH and USD and the accounts `trader 1` to `trader 3`."""
    made = House(tmp_path_factory.mktemp("account"), 1)
    made.wait_until_written()
    yield made
    made.close()


@pytest.fixture
def words(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Type `openbourse account WORDS`; the exit status."""
    for name, value in house.environ.items():
        if name.startswith("OPENBOURSE_"):
            monkeypatch.setenv(name, value)
    return lambda *typed: supervisor.main(["account", *typed])


@pytest.fixture
def asked(words: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Asked:
    """Type it with --json; what it answered."""

    def ask(*typed: str, status: int = 0) -> dict[str, Any]:
        assert words(*typed, "--json") == status
        answer: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return answer

    return ask


def rows(house: House, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.postgres.dsn()) as connection:
        return connection.execute(query.encode()).fetchall()


def listed(asked: Asked, name: str) -> dict[str, Any]:
    return next(one for one in asked("list")["accounts"] if one["name"] == name)


def test_an_account_is_opened_funded_and_given_a_key(house: House, asked: Asked) -> None:
    made = asked("create", "alice", "--deposit", "USD=1000.5", "--deposit", "BTC=2")
    assert sorted(made) == ["account", "api_key", "name", "secret"]
    assert all(re.fullmatch("[A-Za-z0-9]{64}", made[field]) for field in ("api_key", "secret"))
    found = listed(asked, "alice")
    assert found["account"] == made["account"]
    assert found["state"] == "ACTIVE"
    assert found["balances"]["USD"] == {"free": "1000.50000000", "locked": "0.00000000"}
    assert found["balances"]["BTC"]["free"] == "2.00000000"
    kept = rows(
        house,
        f"select account, secret, key_type, permissions, ip_list from api_keys where api_key = '{made['api_key']}'",
    )
    ((account, sealed, *about),) = kept
    assert (account, *about) == (made["account"], "HMAC", ["USER_STREAM", "USER_DATA", "TRADE"], [])
    assert made["secret"] not in sealed
    file = house.data_dir / "secrets.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert Vault(file).unseal(made["api_key"], sealed) == made["secret"]
    house.wait_until_written()
    query = f"select name, asset, amount from accounts join transfers using (account) where account = {made['account']} order by asset"
    assert rows(house, query) == [("alice", 0, 200_000_000), ("alice", 2, 100_050_000_000)]


def test_the_answer_for_people_shows_the_same(
    words: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert words("create", "walter") == 0
    assert "secret: " in capsys.readouterr().out
    assert words("list") == 0
    assert "name=walter state=ACTIVE open_orders=0 balances=-" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["create", "trader 1"], "there is an account 'trader 1' already"),
        (["create", ""], "an account name has"),
        (["create", "x" * 37], "an account name has"),
        (["create", "#1"], "an account name has"),
        (["create", "new", "--deposit", "USD"], "write ASSET=AMOUNT"),
        (["create", "new", "--deposit", "USD=1", "--deposit", "USD=1"], "each asset once"),
        (["create", "new", "--deposit", "XYZ=1"], "there is no asset 'XYZ'; there are BTC, ETH, USD"),
        (["create", "new", "--deposit", "USD=1.123456789"], "at most 8 decimals"),
        (["create", "new", "--deposit", "USD=-1"], "is no amount of USD"),
        (["create", "new", "--deposit", "USD=0"], "must be above 0"),
        (["deposit", "nobody", "USD", "1"], "there is no account 'nobody'"),
        (["withdraw", "trader 1", "USD", "999999999"], "insufficient balance"),
        (["key", "create", "trader 1", "--type", "RSA"], "--public-key goes with"),
        (["key", "revoke", "no such key"], "there is no key"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_changes_nothing(
    house: House, asked: Asked, typed: list[str], why: str
) -> None:
    before = house.told_event_seq()
    assert why in asked(*typed, status=1)["error"]
    names = [one["name"] for one in asked("list")["accounts"]]
    assert "new" not in names
    # At most the matcher's own rejection was told.
    assert house.told_event_seq() <= before + 1


def test_a_transfer_with_a_reference_is_done_once(asked: Asked) -> None:
    first = asked("deposit", "trader 1", "ETH", "5", "--reference", "wire 77")
    again = asked("deposit", "trader 1", "ETH", "5", "--reference", "wire 77", status=1)
    assert "duplicate reference" in again["error"]
    assert listed(asked, "trader 1")["balances"]["ETH"]["free"] == first["free"]


def test_money_goes_out_as_it_came_in(asked: Asked) -> None:
    before = listed(asked, "trader 2")["balances"]["USD"]["free"]
    asked("deposit", "trader 2", "USD", "12.34")
    assert asked("withdraw", "trader 2", "USD", "12.34")["free"] == before


def test_the_fee_account_is_reached_by_its_number(asked: Asked) -> None:
    asked("deposit", "#0", "USD", "1")
    assert asked("withdraw", "#0", "USD", "1")["account"] == 0


def test_an_account_is_frozen_and_thawed(asked: Asked) -> None:
    for word, state in (
        ("freeze", "FROZEN"),
        ("cancel-only", "CANCEL_ONLY"),
        ("unfreeze", "ACTIVE"),
    ):
        assert asked(word, "trader 3")["state"] == state
        assert listed(asked, "trader 3")["state"] == state


def test_a_revoked_key_is_told_on_the_channel(house: House, asked: Asked) -> None:
    made = asked("key", "create", "trader 1", "--permission", "USER_DATA", "--ip", "10.0.0.0/8")
    with psycopg.connect(house.postgres.dsn(), autocommit=True) as listener:
        listener.execute("listen api_keys")
        assert asked("key", "revoke", made["api_key"])["revoked"]
        told = next(listener.notifies(timeout=10))
    assert told.payload == made["api_key"]
    (found,) = [
        one for one in asked("key", "list", "trader 1")["keys"] if one["api_key"] == made["api_key"]
    ]
    assert found["revoked_at"] is not None
    assert (found["permissions"], found["ip_list"]) == (["USER_DATA"], ["10.0.0.0/8"])
    assert "secret" not in found
    assert "no key" in asked("key", "revoke", made["api_key"], status=1)["error"]


def test_a_public_key_is_kept_instead_of_a_secret(
    house: House, asked: Asked, tmp_path: Path
) -> None:
    pem = (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    typed = ("key", "create", "trader 1", "--public-key", str(path), "--type")
    made = asked(*typed, "ED25519")
    assert "secret" not in made
    assert rows(house, f"select secret from api_keys where api_key = '{made['api_key']}'") == [
        (pem.decode(),)
    ]
    assert "not of type RSA" in asked(*typed, "RSA", status=1)["error"]


def test_without_an_exchange_it_says_so(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOURSE_DATA_DIR", str(tmp_path))
    told = asked("create", "alice", status=1)
    assert f"the exchange on {tmp_path} is not running" in told["error"]


def test_without_its_database_nothing_is_begun(
    house: House, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOURSE_DATABASE_DSN", "host=/nonexistent")
    before = house.told_event_seq()
    assert "the database cannot be reached" in asked("create", "carol", status=1)["error"]
    assert house.told_event_seq() == before
