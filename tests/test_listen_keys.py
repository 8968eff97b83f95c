"""The keys of user data streams (API section 9, listenKey)."""

import stat
from pathlib import Path

import pytest

from runtime.listen_keys import LIFE_NS, ListenKeys


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> ListenKeys:
    return ListenKeys(tmp_path, clock)


def test_a_key_has_64_letters_and_digits_and_belongs_to_its_account(keys):
    key = keys.open(5)
    assert len(key) == 64
    assert key.isascii()
    assert key.isalnum()
    assert keys.account_of(key) == 5


def test_opening_twice_gives_the_same_key_and_extends_it(keys, clock):
    key = keys.open(5)
    clock.now_ns += LIFE_NS - 1
    assert keys.open(5) == key
    clock.now_ns += LIFE_NS - 1
    assert keys.account_of(key) == 5


def test_two_accounts_have_two_keys(keys):
    assert keys.open(5) != keys.open(6)
    assert keys.account_of(keys.open(6)) == 6


def test_a_key_expires_after_an_hour(keys, clock):
    key = keys.open(5)
    clock.now_ns += LIFE_NS
    assert keys.account_of(key) is None
    assert keys.extend(key) is False
    assert keys.close(key) is False
    assert keys.open(5) != key


def test_extending_lets_a_key_live_on(keys, clock):
    key = keys.open(5)
    for _ in range(5):
        clock.now_ns += LIFE_NS // 2
        assert keys.extend(key) is True
    assert keys.account_of(key) == 5


def test_a_closed_key_is_gone(keys):
    key = keys.open(5)
    assert keys.close(key) is True
    assert keys.account_of(key) is None
    assert keys.close(key) is False
    assert keys.open(5) != key


def test_all_processes_of_a_host_see_the_same_keys(keys, clock, tmp_path):
    other = ListenKeys(tmp_path, clock)
    key = keys.open(5)
    assert other.account_of(key) == 5
    assert other.open(5) == key
    other.close(key)
    assert keys.account_of(key) is None


@pytest.mark.parametrize("key", ["", "x" * 63, "x" * 65, "../" * 21 + "x", "é" * 64, "a" * 64])
def test_what_is_no_key_belongs_to_nobody(keys, key):
    assert keys.account_of(key) is None
    assert keys.extend(key) is False
    assert keys.close(key) is False


def test_files_of_expired_keys_are_swept_away(keys, clock, tmp_path):
    keys.open(5)
    clock.now_ns += LIFE_NS
    live = keys.open(6)
    assert keys.sweep() == 1
    assert keys.sweep() == 0
    assert keys.account_of(live) == 6


def test_only_the_owner_can_read_the_keys(keys, tmp_path):
    keys.open(5)
    folder = tmp_path / "listen-keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
