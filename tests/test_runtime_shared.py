import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from protocol.board import StatusRow
from runtime import shared
from runtime.shared import Blocks, NotPublished, Reader, deep_requests


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(shared, "_FOLDER", folder)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def owner(run: Path, epoch: int) -> Blocks:
    blocks = Blocks(run, epoch)
    blocks.allocate("status", StatusRow.dtype, (1,))
    blocks.allocate("numbers", np.dtype("<i8"), (3, 2))
    return blocks


def test_readers_see_what_the_owner_writes(run: Path) -> None:
    blocks = owner(run, 17)
    blocks.arrays["numbers"][2, 1] = 5
    blocks.publish()
    reader = Reader(run)
    found = reader.current()
    assert found["numbers"].tolist() == [[0, 0], [0, 0], [0, 5]]
    blocks.arrays["status"]["seq"] = 99
    assert found["status"]["seq"][0] == 99
    assert found["status"].dtype == StatusRow.dtype
    assert reader.epoch == 17


def test_readers_cannot_write(run: Path) -> None:
    owner(run, 1).publish()
    with pytest.raises(ValueError, match="read-only"):
        Reader(run).current()["numbers"][0, 0] = 1


def test_nothing_is_there_before_it_is_announced(run: Path) -> None:
    blocks = owner(run, 1)
    reader = Reader(run)
    with pytest.raises(NotPublished):
        reader.current()
    blocks.publish()
    assert "status" in reader.current()


def test_readers_follow_to_the_next_life(run: Path) -> None:
    first = owner(run, 1)
    first.arrays["numbers"][0, 0] = 1
    first.publish()
    reader = Reader(run)
    old = reader.current()["numbers"]
    second = owner(run, 2)
    assert reader.current()["numbers"][0, 0] == 1
    second.arrays["numbers"][0, 0] = 2
    second.publish()
    assert reader.current()["numbers"][0, 0] == 2
    assert old[0, 0] == 1


def test_the_next_life_removes_what_a_dead_one_left(run: Path, memory: Path) -> None:
    owner(run, 1).publish()
    assert {path.name.partition(".")[0] for path in memory.iterdir()} == {"run-1"}
    second = owner(run, 2)
    second.publish()
    found = {path.name for path in memory.iterdir()}
    assert found == {"run-2.status", "run-2.numbers", "run-2.owner"}
    second.remove()


def test_one_who_stands_by_and_the_one_in_use_leave_each_other_their_blocks(run: Path) -> None:
    in_use = owner(run, 1)
    in_use.publish()
    standing_by = owner(run, 2)
    assert Reader(run).current()["status"].size
    in_use.remove()
    standing_by.publish()
    assert Reader(run).current()["status"].size
    reader = Reader(run)
    reader.current()
    assert (reader.epoch, reader.owner) == (2, os.getpid())


def test_other_exchanges_keep_their_blocks(run: Path, tmp_path: Path, memory: Path) -> None:
    other = tmp_path / "run2"
    other.mkdir()
    owner(other, 5).publish()
    owner(run, 1).publish()
    assert "status" in Reader(other).current()


def test_removed_blocks_are_gone_for_new_readers_only(run: Path, memory: Path) -> None:
    blocks = owner(run, 1)
    blocks.publish()
    attached = Reader(run)
    attached.current()
    blocks.remove()
    assert not list(memory.iterdir())
    assert attached.current()["numbers"].shape == (3, 2)
    with pytest.raises(NotPublished, match="being replaced"):
        Reader(run).current()


def test_blocks_begin_as_zeros(run: Path) -> None:
    first = owner(run, 1)
    first.arrays["numbers"][:] = 7
    assert not owner(run, 2).arrays["numbers"].any()


def test_a_large_block_takes_memory_only_where_it_was_touched(run: Path, memory: Path) -> None:
    blocks = Blocks(run, 1)
    large = blocks.allocate("large", np.dtype("<i8"), (1 << 27,))
    large[1 << 26] = 1
    assert (memory / "run-1.large").stat().st_blocks * 512 < 1 << 20


def test_another_process_reads_the_same_rows(run: Path, memory: Path) -> None:
    blocks = owner(run, 3)
    blocks.arrays["numbers"][:] = 11
    blocks.publish()
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(_sum_of_numbers, (run,)) == 66


def _sum_of_numbers(run: Path) -> int:
    return int(Reader(run).current()["numbers"].sum())


def test_everyone_shares_the_words_for_deep_requests(run: Path) -> None:
    one, other = deep_requests(run, 4), deep_requests(run, 4)
    one[2] = 1
    assert other.tolist() == [0, 0, 1, 0]
    other[2] = 0
    assert not one.any()
