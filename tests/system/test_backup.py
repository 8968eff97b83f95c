"""A backup of a running exchange, restored into an empty directory: the same digest, database and keys."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
ENVIRON = {"OPENBOURSE_MARKET_RATE": "0"}
ORDER = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}
TABLES = (
    "orders",
    "trades",
    "ledger",
    "balances",
    "accounts",
    "instruments",
    "watermark",
    "api_keys",
)


@pytest.fixture(scope="module")
def saved(venue: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup taken while it traded; the folder's `manifest` and later trades are not in it."""
    client = venue.client()
    for price in ("50000", "50001", "50002"):
        for name, side in (("alice", "BUY"), ("bob", "SELL")):
            keys = venue.demo_keys(name)
            client.signed(
                "POST", "/api/v3/order", keys, **ORDER, side=side, quantity="0.01", price=price
            )
    client.signed(
        "POST",
        "/api/v3/order",
        venue.demo_keys("alice"),
        **ORDER,
        side="BUY",
        quantity="0.01",
        price="40000",
    )
    target = tmp_path_factory.mktemp("saved") / "backup"
    told = venue.asked("backup", str(target))
    assert told["digest"] == venue.asked("journal", "digest")["digest"]
    assert told["api_keys"] == 2
    return target


def rows(venue: Exchange, table: str) -> list[Any]:
    with venue.database() as database:
        found = database.execute(f"select to_jsonb(t) - 'applied_at' from {table} t").fetchall()
    return sorted(json.dumps(row[0], sort_keys=True) for row in found)


def test_an_exchange_restored_from_a_backup_is_the_same(venue, saved, tmp_path):
    venue.until(venue.is_written, "everything in the database")
    other = Exchange(tmp_path / "data", "--no-demo")
    try:
        done = restore(venue, other.data_dir, saved)
        assert done.returncode == 0, done.stderr
        other.start()
        other.until(other.is_written, "the database made again", 60)
        assert (
            other.asked("journal", "digest")["digest"] == venue.asked("journal", "digest")["digest"]
        )
        for table in TABLES:
            assert rows(other, table) == rows(venue, table), table
        told = other.client().signed("GET", "/api/v3/openOrders", venue.demo_keys("alice"))
        assert [one["price"] for one in told] == ["40000.00000000"]
        assert other.asked("journal", "verify", "--against-db")["faults"] == []
    finally:
        other.wipe()


def test_a_backup_is_for_its_owner_alone(saved):
    assert stat.S_IMODE(saved.stat().st_mode) == 0o700
    for path in saved.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert "secret" in (saved / "api_keys.json").read_text()
    secrets = [one["secret"] for one in json.loads((saved / "api_keys.json").read_text())]
    assert all(one.startswith("sealed:1:") for one in secrets)


def test_no_backup_goes_over_another(venue, saved):
    done = venue.command("backup", str(saved))
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "what", ["damaged", "missing", "no manifest", "outside", "version", "no digest"]
)
def test_a_backup_that_is_not_whole_is_refused_and_leaves_nothing(venue, saved, tmp_path, what):
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    [segment] = (copy / "journal").glob("*.journal")
    manifest = json.loads((copy / "manifest.json").read_text())
    if what == "damaged":
        data = bytearray(segment.read_bytes())
        data[5000] ^= 1
        segment.write_bytes(data)
    elif what == "missing":
        segment.unlink()
    elif what == "no manifest":
        (copy / "manifest.json").unlink()
    elif what == "outside":
        manifest["files"]["../elsewhere"] = "0"
        (copy / "manifest.json").write_text(json.dumps(manifest))
    elif what == "no digest":
        del manifest["digest"]
        (copy / "manifest.json").write_text(json.dumps(manifest))
    else:
        (copy / "manifest.json").write_text(json.dumps(manifest | {"version": 99}))
    done = restore(venue, tmp_path / "data", copy)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data" / "journal").exists()


def test_an_exchange_that_is_there_is_not_overwritten(venue, saved):
    done = restore(venue, venue.data_dir, saved)
    assert (done.returncode, "there is an exchange in" in done.stderr) == (1, True)
    assert venue.is_whole()


def restore(venue: Exchange, data_dir: Path, source: Path) -> Any:
    return venue.command("restore", str(source), "--data-dir", str(data_dir))
