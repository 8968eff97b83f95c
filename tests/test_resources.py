"""What the machine must give before the exchange starts, and what is said where it is too little."""

import resource
from pathlib import Path

import pytest

from conf.sections import Journal, Ws
from conf.settings import Settings
from supervision import resources


def test_a_machine_with_enough_of_everything_is_told_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "SHARED_ADVISED", 1)
    settings = Settings(tmp_path, ws=Ws(max_connections=10), journal=Journal(segment_bytes=1 << 20))
    assert resources.findings(settings) == []


def test_shared_memory_that_cannot_be_written_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "SHARED", Path("/nowhere/shm"))
    [found] = resources._shared_memory()
    assert found.fatal
    assert "Mount a tmpfs" in found.text


@pytest.mark.parametrize(("needed", "fatal"), [(1, False), (1 << 60, True)])
def test_little_shared_memory_is_told_and_too_little_stops_the_start(
    tmp_path, monkeypatch, needed, fatal
):
    monkeypatch.setattr(resources, "SHARED", tmp_path)
    monkeypatch.setattr(resources, "SHARED_ADVISED", 1 << 60)
    monkeypatch.setattr(resources, "SHARED_NEEDED", needed)
    [found] = resources._shared_memory()
    assert found.fatal is fatal
    assert "remount,size=2G" in found.text


def test_more_connections_than_files_is_told_with_the_number_to_set(tmp_path):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        pytest.skip("there is no limit of files here")
    settings = Settings(tmp_path, ws=Ws(max_connections=most))
    [found] = resources._files(settings)
    assert f"LimitNOFILE={most + resources.FILES_BESIDE}" in found.text
    assert not found.fatal


def test_a_disk_without_room_for_the_journal_stops_the_start(tmp_path):
    settings = Settings(tmp_path, journal=Journal(segment_bytes=1 << 62))
    [found] = resources._disk(settings)
    assert found.fatal
    assert "make room" in found.text
