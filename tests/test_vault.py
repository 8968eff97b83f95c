"""Secrets in the database do not open without the key file (`runtime/vault.py`)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.vault import NoKey, NotSealed, Vault, key_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return key_file(tmp_path, "")


def test_a_sealed_secret_opens_with_the_same_file(path):
    sealed = Vault(path).seal("alice", "secret")
    assert "secret" not in sealed
    assert Vault(path).unseal("alice", sealed) == "secret"


def test_the_same_secret_is_never_sealed_twice_alike(path):
    vault = Vault(path)
    assert vault.seal("alice", "secret") != vault.seal("alice", "secret")


def test_the_file_is_for_its_owner_alone(path):
    Vault(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(NoKey, match="others may read"):
        Vault(path)


def test_a_secret_moved_to_another_key_does_not_open(path):
    vault = Vault(path)
    with pytest.raises(NotSealed, match="does not open"):
        vault.unseal("bob", vault.seal("alice", "secret"))


@pytest.mark.parametrize("change", ["cut", "flip", "garbage"])
def test_a_damaged_secret_does_not_open(path, change):
    vault = Vault(path)
    sealed = vault.seal("alice", "secret")
    last = "B" if sealed[-6] == "A" else "A"
    damaged = {
        "cut": sealed[:20],
        "flip": sealed[:-6] + last + sealed[-5:],
        "garbage": "sealed:1:€",
    }
    with pytest.raises(NotSealed, match="does not open"):
        vault.unseal("alice", damaged[change])


def test_a_secret_that_lies_open_is_not_used(path):
    with pytest.raises(NotSealed, match="is not sealed; make a new key"):
        Vault(path).unseal("alice", "secret")


def test_another_file_does_not_open_it(tmp_path):
    sealed = Vault(tmp_path / "one").seal("alice", "secret")
    with pytest.raises(NotSealed, match="another key"):
        Vault(tmp_path / "other").unseal("alice", sealed)


def test_a_file_of_another_length_is_refused(path):
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(NoKey, match="5 bytes; 32 are needed"):
        Vault(path)


def test_a_file_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(NoKey, match="cannot read or make"):
        Vault(tmp_path / "nowhere" / "key")


def test_processes_that_make_the_file_at_once_get_the_same_key(path):
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault(path), range(8)))
    sealed = vaults[0].seal("alice", "secret")
    assert {one.unseal("alice", sealed) for one in vaults} == {"secret"}
    assert [one.name for one in path.parent.iterdir()] == ["secrets.key"]
