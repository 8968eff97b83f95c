"""The snapshotter as a process beside a real matcher."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.recovery import snapshot_folder
from protocol.terms import Side
from runtime import snapshot
from tests.matcher_house import ROOT, Client, House, house, limit, opening, until

pytestmark = pytest.mark.system


@pytest.fixture
def home() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture
def client(home: House) -> Iterator[Client]:
    found = home.client()
    yield found
    found.close()


class Process:
    """A running snapshotter that takes a snapshot every second."""

    def __init__(self, home: House) -> None:
        self.folder = snapshot_folder(home.data_dir)
        environ = {**home.environ, "OPENBOURSE_JOURNAL_SNAPSHOT_EVERY_S": "1"}
        with home.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "matcher.snapshotter"],
                env=environ,
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def newest(self) -> Path | None:
        found = snapshot.snapshots_in(self.folder)
        return found[-1] if found else None

    def next_one(self) -> None:
        before = self.newest()
        until(lambda: self.newest() != before, "a snapshot")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def trade(client: Client, first: int, count: int = 200) -> None:
    some = [
        limit(1 + index % 2, Side(index % 2), 50 + index % 3, 1 + index % 7, f"s{first + index}")
        for index in range(count)
    ]
    client.ask(*some)


def recovered_from(home: House) -> int:
    """The command after which the snapshot was taken that the last start used."""
    return int(re.findall(r"recovered .*snapshot=(\d+)", home.log())[-1])


def test_a_killed_matcher_comes_back_from_a_snapshot_taken_beside_it(
    home: House, client: Client
) -> None:
    home.start()
    client.ask(*opening(2))
    process = Process(home)
    trade(client, 0)
    until(process.newest, "a first snapshot")
    first = process.newest()
    trade(client, 1000)
    until(lambda: process.newest() != first, "a second snapshot")
    trade(client, 2000)
    home.kill()
    newest = process.newest()
    assert newest is not None
    home.start()
    # It takes one more when it notices, so the newest may have become older meanwhile.
    assert recovered_from(home) >= int(newest.stem)
    trade(client, 3000)
    until(lambda: int(process.newest().stem) > int(newest.stem), "one of the next life")
    assert process.end() == 0
    assert home.stop() == 0
    engine, _, _ = home.replayed()
    assert engine.digest() == home.stopped()["digest"]


def test_a_snapshotter_killed_at_any_moment_does_no_harm(home: House, client: Client) -> None:
    home.start()
    client.ask(*opening(2))
    for number in range(3):
        process = Process(home)
        trade(client, 1000 * number)
        process.next_one()
        process.end(signal.SIGKILL)
    home.kill()
    home.start()
    found = snapshot.snapshots_in(snapshot_folder(home.data_dir))
    assert recovered_from(home) == int(found[-1].stem)
    assert home.stop() == 0
    engine, _, _ = home.replayed()
    assert engine.digest() == home.stopped()["digest"]
