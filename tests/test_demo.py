"""The demo's accounts: made however often it must be tried, and what is said while they are not there."""

from pathlib import Path

import pytest

from commands import Refused, demo
from conf.settings import Settings
from runtime import demo_keys
from supervision import page


class Busy:
    """An exchange that answers only after so many tries."""

    def __init__(self, tries: int) -> None:
        self.tries = tries
        self.made: list[str] = []
        self.slept_s: list[float] = []

    def keys_for(self, settings: Settings, name: str, kept: dict[str, str]) -> dict[str, str]:
        if self.tries:
            self.tries -= 1
            raise Refused("no answer within 10 seconds")
        self.made.append(name)
        return {"account": str(len(self.made)), "api_key": f"key-of-{name}", "secret": "s"}

    def fund(self, settings: Settings, account: int, of_a_quote: int, of_another: int) -> None:
        pass


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Busy:
    one = Busy(tries=8)
    monkeypatch.setenv("OPENBOURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(demo, "keys_for", one.keys_for)
    monkeypatch.setattr(demo, "fund", one.fund)
    monkeypatch.setattr(demo.time, "sleep", one.slept_s.append)
    return one


def test_it_is_tried_until_the_accounts_are_there_and_each_failure_is_told(
    busy: Busy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert demo.main() == 0
    assert list(demo_keys.read(tmp_path)) == busy.made == ["alice", "bob"]
    assert busy.slept_s == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 8
    assert "no demo accounts yet, tried again in 60 s: no answer within 10 seconds" in told[-1]


def test_the_welcome_says_that_the_accounts_are_not_there_or_gives_their_keys(
    busy: Busy, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    before = page.welcome(settings, "dsn", 1.0)
    assert "its accounts are not made yet" in before
    assert demo_keys.SHELL_FILE not in before
    demo.main()
    after = page.welcome(settings, "dsn", 1.0)
    assert "not made yet" not in after
    assert "API key key-of-alice" in after
    assert f". {tmp_path / demo_keys.SHELL_FILE}" in after
