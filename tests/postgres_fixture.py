"""A real PostgreSQL for tests: one server per session, one empty database per test.

A conftest takes the fixtures in by name: `from tests.postgres_fixture import database, postgres`.
"""

import atexit
import contextlib
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from runtime import endpoints
from runtime.postgres import STOP_SIGNAL, EmbeddedPostgres

_numbers = count(1)


@functools.cache
def _empty_cluster() -> Path:
    """The directory that a first start makes, made once for this process."""
    folder = Path(tempfile.mkdtemp(prefix="openbourse-cluster-"))
    run = endpoints.run_dir(folder)
    for place in (folder, run):
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    server = EmbeddedPostgres(folder, run)
    server.prepare()
    return server.folder


def furnish(data_dir: Path) -> None:
    """Give a data directory an empty cluster where it has none: a copy does not wait for the disk, as initdb does."""
    place = EmbeddedPostgres(data_dir, endpoints.run_dir(data_dir)).folder
    if not place.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", _empty_cluster(), place], check=True)


@contextlib.contextmanager
def running(data_dir: Path, *settings: str) -> Iterator[EmbeddedPostgres]:
    """Run the embedded server of `data_dir`; `settings` are NAME=VALUE of postgresql.conf."""
    server = EmbeddedPostgres(data_dir, endpoints.run_dir(data_dir))
    server.prepare()
    child = start(server, *settings)
    try:
        server.wait_ready(60)
        yield server
    finally:
        stop(child)


def start(server: EmbeddedPostgres, *settings: str) -> "subprocess.Popen[bytes]":
    """Start the server as a child; it is not ready yet."""
    argv, environ = server.command()
    for setting in settings:
        argv += ["-c", setting]
    return subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL)


def stop(child: "subprocess.Popen[bytes]") -> int:
    """Stop a child as the supervisor does and return its exit status."""
    if child.poll() is None:
        child.send_signal(STOP_SIGNAL)
    return child.wait(60)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One server for the session, told not to wait for the disk."""
    with running(tmp_path_factory.mktemp("postgres"), "fsync=off") as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of an empty database of its own."""
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield postgres.dsn().replace("dbname=postgres", f"dbname={name}")
        connection.execute(f"drop database {name} with (force)")
