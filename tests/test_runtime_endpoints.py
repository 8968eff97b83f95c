import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import Record, rows_of
from protocol.records import Command, Event
from runtime import endpoints
from runtime.endpoints import (
    ORDERS,
    REPLIES,
    WIRES,
    WrongFrame,
    address,
    frame_of,
    rows_in,
    run_dir,
)

SOCKET_PATH_LIMIT = 107


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))


def test_one_data_directory_has_one_run_directory_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    assert run_dir(data) == run_dir(Path("data")) == run_dir(tmp_path / "x" / ".." / "data")
    assert run_dir(data) != run_dir(tmp_path / "other")


def test_the_run_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = run_dir(tmp_path)
    folder.chmod(0o755)
    assert run_dir(tmp_path).stat().st_mode & 0o777 == 0o700


def test_the_run_directory_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        run_dir(tmp_path)


def test_socket_paths_stay_short_however_deep_the_data_directory_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    run = run_dir(tmp_path / ("deep/" * 50))
    try:
        for wire in WIRES:
            path = address(wire, run, slot=endpoints.REPLY_SLOTS).removeprefix("ipc://")
            assert len(path) <= SOCKET_PATH_LIMIT
    finally:
        run.rmdir()


def test_every_wire_and_every_waiter_has_its_own_address(tmp_path: Path) -> None:
    plain = {address(wire, tmp_path) for wire in WIRES}
    assert len(plain) == len(WIRES)
    assert address(REPLIES, tmp_path, 1) != address(REPLIES, tmp_path, 2)
    assert address(ORDERS, tmp_path, 1) == address(ORDERS, tmp_path, 2)


@pytest.mark.parametrize("record", [Command, Event])
def test_a_frame_gives_back_its_rows(record: type[Record]) -> None:
    rows = rows_of(record, 3)
    rows["seq"] = [4, 5, 6]
    found = rows_in(record, frame_of(record, rows))
    assert (found == rows).all()
    assert not found.flags.writeable


def test_frames_of_slices_hold_the_slice() -> None:
    rows = rows_of(Event, 10)
    rows["event_seq"] = np.arange(10)
    assert rows_in(Event, frame_of(Event, rows[3:6]))["event_seq"].tolist() == [3, 4, 5]
    assert rows_in(Event, frame_of(Event, rows[::4]))["event_seq"].tolist() == [0, 4, 8]


def test_a_frame_of_the_other_record_is_wrong() -> None:
    with pytest.raises(WrongFrame, match="not a frame of Command records"):
        rows_in(Command, frame_of(Event, rows_of(Event, 1)))


def test_a_frame_of_another_version_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FORMAT_VERSION", 9)
    frame = frame_of(Event, rows_of(Event, 1))
    monkeypatch.undo()
    with pytest.raises(WrongFrame, match="version 9 found, 1 expected: restart all processes"):
        rows_in(Event, frame)


@pytest.mark.parametrize("cut", [1, 255, 256, 300, 511, 512, 527])
def test_a_frame_that_was_cut_is_wrong(cut: int) -> None:
    frame = frame_of(Command, rows_of(Command, 2))
    with pytest.raises(WrongFrame):
        rows_in(Command, frame[:-cut])


def test_a_frame_without_rows_is_wrong() -> None:
    with pytest.raises(WrongFrame):
        rows_in(Command, frame_of(Command, rows_of(Command, 0)))


@given(st.binary(max_size=1000))
def test_any_other_bytes_are_a_wrong_frame(frame: bytes) -> None:
    with pytest.raises(WrongFrame):
        rows_in(Command, frame)
