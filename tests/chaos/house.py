"""An exchange to hurt: with Valkey beside it, clients at its doors, and a small disk under its journal if asked for."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from commands.account import create_account
from commands.rest_client import Keys
from conf.settings import Settings
from runtime.ports import free_port
from tests.chaos.load import Client, Told, first_order, together
from tests.system.exchange_fixture import Exchange
from tests.valkey_fixture import Valkey

FUNDS = {"USDT": "1000000000", "BTC": "10000"}
STOPPED_LIMIT_S = 3.0
"""How long a process may be stopped by a signal: pauses here are shorter."""
SMALL_DISK = 1 << 30
WORKERS = 2
_ENVIRON = {
    "OPENBOURSE_REST_WORKERS": str(WORKERS),
    # A request that finds the journal's disk full is answered "unknown" only after this time.
    "OPENBOURSE_REST_ANSWER_TIMEOUT_S": "1",
    "OPENBOURSE_MATCHER_SPARE": "true",
    "OPENBOURSE_MATCHER_SILENCE_S": "0.5",
    "OPENBOURSE_SUPERVISION_STOPPED_LIMIT_S": str(STOPPED_LIMIT_S),
    "OPENBOURSE_JOURNAL_SNAPSHOT_EVERY_S": "5",
    "OPENBOURSE_JOURNAL_SEGMENT_BYTES": str(16 << 20),
}
PROGRAMS = (
    "matcher", "snapshotter", "writer", "ingress", "broadcaster", "office", "relay", "postgres",
)  # fmt: skip


class NoSmallDisk(Exception):
    """A file system of a stated size cannot be mounted here; the message says why."""


class House:
    """One exchange in `folder`, life after life, with or without a standby."""

    def __init__(self, folder: Path, clients: int, seed: int) -> None:
        self.folder = folder
        self.valkey = Valkey(folder)
        ports = [free_port() for _ in range(3)]
        # The same doors in every life, as clients expect them.
        words = ("--no-demo", "--rest-port", str(ports[0]), "--ws-port", str(ports[1]))
        own = {**_ENVIRON, "OPENBOURSE_OFFICE_PORT": str(ports[2])}
        own |= {"OPENBOURSE_REDIS_URL": self.valkey.url, "OPENBOURSE_REST_LIMITS": self.valkey.url}
        self.venue = Exchange(folder / "data", *words, **own)
        self.journal = self.venue.data_dir / "journal"
        self.door, self.streams = ("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])
        self.standby = False
        self.has_small_disk = False
        self.clients: list[Client] = []
        self.probes: dict[str, int] = {}
        self._count, self._seed, self._season = clients, seed, 0
        self._keys: list[Keys] = []

    def start(self, *, standby: bool = False) -> None:
        """Start the exchange; the first time also make the accounts."""
        self.standby = standby
        self.venue._environ["OPENBOURSE_MATCHER_STANDBY"] = str(standby).lower()
        if not self._keys:
            self.valkey.start()
        self.venue.start()
        self.venue.until(self.is_whole, "the exchange is whole", 120)
        while len(self._keys) <= self._count:
            settings = Settings(data_dir=self.venue.data_dir)
            made = create_account(settings, f"trader {len(self._keys)}", FUNDS)
            self._keys.append(Keys(made["api_key"], made["secret"]))

    def open(self) -> None:
        """Let clients begin to trade."""
        self._season += 1
        for number, keys in enumerate(self._keys[1:]):
            prefix = f"c{self._season}-{number}"
            self.clients.append(Client(self.door, keys, prefix, self._seed * 1000 + number))
            self.clients[-1].start()

    def close(self) -> None:
        """Let the clients finish what they are at.

        Raises: AssertionError when one was refused what it must not be, or is not answered.
        """
        for one in self.clients:
            one.ended.set()
        for one in self.clients:
            one.join(120)
            assert not one.is_alive(), f"{one.name} hangs"
        self.check_clients()

    def check_clients(self) -> None:
        """Raise AssertionError when a client had to give up."""
        failed = [one.failure for one in self.clients if one.failure]
        assert not failed, f"{failed[0]}\n{self.venue.log_end()}"

    @property
    def told(self) -> Told:
        """What everybody was told until now."""
        whole = together(self.clients)
        whole.acknowledged |= self.probes
        return whole

    def knock(self) -> float:
        """Return when somebody who comes now has an order taken."""
        text = f"cp-{len(self.probes)}"
        taken = first_order(self.door, self._keys[0], text)
        self.probes[text] = 0
        return taken

    def is_whole(self) -> bool:
        """Whether every process does its work, and there is a standby or a spare behind the matcher."""
        told = self.venue.status()
        workers = next(one for one in told["processes"] if one["name"] == "ingress")["workers"]
        if told["state"] != "running" or len(workers) != WORKERS:
            return False
        roles = {one["role"] for one in told["processes"] if one["name"].startswith("matcher")}
        return roles == {"primary", "standby" if self.standby else "spare"}

    def pid(self, victim: str) -> int:
        """Return the pid of a process by its name or by what it does; 0 while there is none."""
        found = self.venue.status()["processes"]
        if victim == "ingress worker":
            workers = next(one for one in found if one["name"] == "ingress")["workers"]
            return int(workers[0]) if workers else 0
        if victim in ("matcher", "standby", "spare"):
            role = "primary" if victim == "matcher" else victim
            return next((int(one["pid"]) for one in found if one["role"] == role), 0)
        return next(int(one["pid"]) for one in found if one["name"] == victim)

    def pids(self) -> set[int]:
        """Return the pids of all processes, with the workers of the ingress."""
        found = self.venue.status()["processes"]
        return {pid for one in found for pid in (one["pid"], *one["workers"])}

    def facts(self, name: str) -> dict[str, Any]:
        """Return what a process last told the supervisor."""
        found: dict[str, Any] = self.venue.process(name)["facts"]
        return found

    def put_journal_on_a_small_disk(self) -> None:
        """Mount a file system in memory where the journal lies; the exchange is down.

        Raises: NoSmallDisk.
        """
        aside = self.journal.with_name("journal-aside")
        self.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.journal.rename(aside)
        self.journal.mkdir(mode=0o700)
        try:
            self._mount("-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=700", "tmpfs")
        except NoSmallDisk:
            self.journal.rmdir()
            aside.rename(self.journal)
            raise
        self.has_small_disk = True
        shutil.copytree(aside, self.journal, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def fill_disk(self) -> None:
        """Leave no room on the small disk beyond what is used already."""
        used = os.statvfs(self.journal)
        size = (used.f_blocks - used.f_bfree) * used.f_frsize
        self._mount("-o", f"remount,size={size}")

    def give_room(self) -> None:
        """Make the small disk as large as it was."""
        self._mount("-o", f"remount,size={SMALL_DISK}")

    def wipe(self) -> None:
        """End everything and leave nothing behind."""
        for one in self.clients:
            one.ended.set()
        if self.venue.child is not None and self.venue.child.poll() is None:
            self.venue.stop()
        if self.has_small_disk:
            subprocess.run(["umount", str(self.journal)], check=True)
        self.venue.wipe()
        self.valkey.kill()

    def _mount(self, *words: str) -> None:
        try:
            done = subprocess.run(
                ["mount", *words, str(self.journal)], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise NoSmallDisk(str(error)) from error
        if done.returncode:
            raise NoSmallDisk(done.stderr.strip())


def wait_until(moment_s: float) -> None:
    """Wait until a moment of the monotonic clock."""
    time.sleep(max(0.0, moment_s - time.monotonic()))
