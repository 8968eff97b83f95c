"""What a running supervisor is asked for: processes started again one by one, settings taken anew."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import audit
from supervision import pids, status
from supervision.control import NotAsked, ask
from tests.fake_exchange import Exchange, until

PATIENCE_S = 30.0


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    one.wipe()


def restart(exchange: Exchange, *names: str) -> str:
    return ask(exchange.data_dir, {"word": "restart", "names": names, "who": "carol"}, PATIENCE_S)


def reload(exchange: Exchange, config: str) -> str:
    (exchange.data_dir / "exchange.toml").write_text(config)
    return ask(exchange.data_dir, {"word": "reload", "who": "carol"}, PATIENCE_S)


def up(exchange: Exchange, *programs: tuple[str, str, tuple[str, ...]], **policy: float) -> None:
    exchange.up(*programs, **policy)
    until(lambda: status.told(exchange.run)["state"] == "running", "up")


def test_a_successor_works_before_the_first_one_is_asked_to_leave(exchange):
    up(exchange, ("matcher", "steady", ()), ("broadcaster", "steady", ("matcher",)))
    first = exchange.entry("broadcaster")["pid"]
    assert restart(exchange, "broadcaster") == "restarted broadcaster"
    assert exchange.lives()[1:] == [
        "broadcaster started",
        "broadcaster started",
        "broadcaster stopped",
    ]
    text = exchange.text()
    assert text.index("ready process=broadcaster-next") < text.index(f"pid={first} by=")
    assert exchange.entry("broadcaster")["pid"] not in (0, first)
    assert exchange.entry("broadcaster")["restarts"] == 0
    assert [one["name"] for one in status.told(exchange.run)["processes"]] == [
        "matcher",
        "broadcaster",
    ]
    assert exchange.end() == 0


def test_the_exchange_is_never_degraded_while_a_successor_comes(exchange):
    up(exchange, ("broadcaster", "steady", ()), ("broadcaster-2", "steady", ()))
    seen = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(status.told(exchange.run)["state"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert restart(exchange, "broadcaster") == "restarted broadcaster, broadcaster-2"
    done.set()
    watcher.join()
    assert seen == {"running"}


def test_a_successor_that_does_not_get_ready_is_ended_and_the_first_one_works_on(exchange):
    up(exchange, ("broadcaster", "is ready once", ()), ready_timeout_s=1.5)
    first = exchange.entry("broadcaster")["pid"]
    with pytest.raises(NotAsked, match=r"broadcaster .*(died|not ready)"):
        restart(exchange, "broadcaster")
    until(lambda: len(status.told(exchange.run)["processes"]) == 1, "the successor is gone")
    assert exchange.entry("broadcaster")["pid"] == first
    until(lambda: status.told(exchange.run)["state"] == "running", "whole")
    assert exchange.lives().count("broadcaster stopped") == 0


def test_a_first_one_that_dies_meanwhile_leaves_its_place_to_the_successor(exchange):
    up(exchange, ("broadcaster", "steady", ()))
    first = exchange.entry("broadcaster")["pid"]
    asked = threading.Thread(target=restart, args=(exchange, "broadcaster"))
    asked.start()
    until(lambda: exchange.entry("broadcaster-next")["pid"], "a successor")
    os.kill(first, signal.SIGKILL)
    asked.join()
    until(lambda: status.told(exchange.run)["state"] == "running", "whole")
    assert exchange.lives().count("broadcaster started") == 2
    assert pids.born(exchange.entry("broadcaster")["pid"])


def test_both_have_the_same_door_and_it_is_shut_when_nobody_is_behind_it(exchange):
    up(exchange, ("broadcaster", "listens", ()), backoff_first_s=5.0)
    first = exchange.entry("broadcaster")["pid"]
    port = int((exchange.run / f"port-{first}").read_text())
    restart(exchange, "broadcaster")
    second = exchange.entry("broadcaster")["pid"]
    assert int((exchange.run / f"port-{second}").read_text()) == port
    socket.create_connection(("127.0.0.1", port)).close()
    os.kill(second, signal.SIGKILL)
    until(lambda: exchange.state("broadcaster") == "backoff", "dead")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_who_may_pause_stops_and_starts_and_that_is_no_failure(exchange):
    up(exchange, ("writer", "steady", ()))
    first = exchange.entry("writer")["pid"]
    assert restart(exchange, "writer") == "restarted writer"
    assert exchange.lives() == ["writer started", "writer stopped", "writer started"]
    assert exchange.entry("writer")["pid"] != first
    assert exchange.entry("writer")["restarts"] == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("matcher", "matcher: it cannot be restarted while the exchange works"),
        ("clerk", "there is no process clerk; there are matcher, writer"),
    ],
)
def test_what_cannot_be_restarted_is_refused_by_name(exchange, name, why):
    up(exchange, ("matcher", "steady", ()), ("writer", "steady", ()))
    with pytest.raises(NotAsked, match=why):
        restart(exchange, "writer", name)
    assert sorted(exchange.lives()) == ["matcher started", "writer started"]


def test_the_signal_restarts_both_doors(exchange):
    up(exchange, ("ingress", "steady", ()), ("broadcaster", "steady", ()))
    os.kill(exchange.child.pid, signal.SIGUSR1)
    until(lambda: "restart: restarted ingress, broadcaster" in exchange.text(), "restarted")


def test_nobody_can_be_asked_when_no_exchange_runs(tmp_path):
    with pytest.raises(NotAsked, match="is not running"):
        ask(tmp_path, {"word": "reload"}, PATIENCE_S)


def test_who_waits_while_the_exchange_stops_is_told_so(exchange):
    up(exchange, ("broadcaster", "is ready once", ()))
    failures: list[str] = []

    def wait() -> None:
        try:
            restart(exchange, "broadcaster")
        except NotAsked as why:
            failures.append(str(why))

    asked = threading.Thread(target=wait)
    asked.start()
    until(lambda: exchange.lives().count("broadcaster started") == 2, "a successor")
    assert exchange.end() == 0
    asked.join()
    assert failures == ["the exchange stops"]


def test_live_settings_are_taken_by_those_who_can(exchange):
    up(exchange, ("broadcaster", "steady", ()), ("snapshotter", "steady", ()))
    first = {name: exchange.entry(name)["pid"] for name in ("broadcaster", "snapshotter")}
    told = reload(
        exchange,
        "[ws]\nmessages_limit = 7\n[journal]\nsnapshots_kept = 5\n[supervision]\nstopped_limit_s = 0.3\n",
    )
    assert "ws.messages_limit 50 → 7" in told
    assert "journal.snapshots_kept 3 → 5" in told
    until(lambda: exchange.entry("broadcaster")["facts"].get("news"), "the news are there")
    assert exchange.entry("broadcaster")["pid"] == first["broadcaster"]
    assert exchange.entry("snapshotter")["pid"] != first["snapshotter"]
    # The supervisor's own: five seconds by default.
    os.kill(first["broadcaster"], signal.SIGSTOP)
    until(lambda: exchange.entry("broadcaster")["pid"] not in (0, first["broadcaster"]), "new", 4)


def test_a_setting_that_needs_a_restart_is_refused_by_name_and_nothing_changes(exchange):
    up(exchange, ("snapshotter", "steady", ()))
    first = exchange.entry("snapshotter")["pid"]
    config = "[core]\norders = 64\n[rest]\nport = 1\n[journal]\nsnapshots_kept = 5\n"
    with pytest.raises(NotAsked, match=r"nothing was changed, for rest\.port, core\.orders cannot"):
        reload(exchange, config)
    assert exchange.entry("snapshotter")["pid"] == first
    assert "5" not in (exchange.run / "live.json").read_text().partition("snapshots_kept")[2][:5]


def test_a_file_that_cannot_be_read_is_refused_and_what_has_not_changed_is_said(exchange):
    up(exchange, ("writer", "steady", ()))
    with pytest.raises(NotAsked, match=r"unknown setting ws\.volume"):
        reload(exchange, "[ws]\nvolume = 11\n")
    assert reload(exchange, "") == "no setting differs from what is in force"


def test_the_signal_reloads_and_every_wish_is_on_the_audit_trail(exchange):
    up(exchange, ("writer", "steady", ()))
    restart(exchange, "writer")
    (exchange.data_dir / "exchange.toml").write_text("[supervision]\nstart_tries = 9\n")
    os.kill(exchange.child.pid, signal.SIGHUP)
    until(lambda: len(list(audit.entries(exchange.data_dir))) == 2, "two lines")
    lines = [(one["who"], one["what"], one["outcome"]) for one in audit.entries(exchange.data_dir)]
    assert lines[0] == ("carol", "restart", "restarted writer")
    assert lines[1][:2] == ("SIGHUP", "reload")
    assert "supervision.start_tries 5 → 9" in lines[1][2]
    assert exchange.end() == 0
