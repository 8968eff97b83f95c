"""Copies of the journal that were put aside: the newest stay, older ones go, what a person named stays (`matcher/life.py`)."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from conf.settings import Settings
from matcher.life import Life
from matcher.recovery import journal_folder, snapshot_folder
from runtime.service import Service


@pytest.fixture
def life(tmp_path: Path) -> Life:
    service = cast("Service", SimpleNamespace(log=logging.getLogger("test")))
    return Life(service, Settings(data_dir=tmp_path))


def aside(life: Life) -> list[str]:
    return sorted(path.name for path in life.settings.data_dir.glob("aside-*"))


def put_aside(life: Life, content: str) -> str:
    """Put a copy aside and return where it is."""
    before = set(aside(life))
    for folder in (journal_folder, snapshot_folder):
        place = folder(life.settings.data_dir)
        place.mkdir()
        (place / content).touch()
    life.put_aside()
    (name,) = set(aside(life)) - before
    return name


def test_the_newest_stay_and_older_ones_are_removed(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = (put_aside(life, content) for content in ("a", "b", "c"))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        life.clear_aside(2)
    assert aside(life) == [second, third]
    assert (life.settings.data_dir / third / "journal" / "c").exists()
    assert [one.getMessage() for one in caplog.records] == [
        f"an old copy is removed aside={life.settings.data_dir / first}"
    ]


def test_few_are_all_kept(life: Life) -> None:
    life.clear_aside(2)
    kept = [put_aside(life, content) for content in ("a", "b")]
    life.clear_aside(2)
    assert aside(life) == kept


def test_the_newest_is_so_by_number_and_a_name_of_a_persons_own_is_left_alone(life: Life) -> None:
    for name in ("aside-9", "aside-10", "aside-11", "aside-1-look-at-it", "aside-"):
        (life.settings.data_dir / name).mkdir()
    life.clear_aside(2)
    assert aside(life) == ["aside-", "aside-1-look-at-it", "aside-10", "aside-11"]


def test_one_that_cannot_be_removed_is_named_and_the_others_go(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    # A file where a folder should be: rmtree cannot take it.
    (life.settings.data_dir / "aside-1").touch()
    for name in ("aside-2", "aside-3"):
        (life.settings.data_dir / name).mkdir()
    life.clear_aside(1)
    assert aside(life) == ["aside-1", "aside-3"]
    assert "an old copy cannot be removed" in caplog.text
