"""The table of programs: who is in it, and in which order they stop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conf.hosts import Edge, Wire
from conf.matchers import Matcher
from conf.sections import Database, Journal, Ws
from conf.settings import Settings
from runtime.service import BadConfiguration
from supervision.programs import stop_order, table


def _settings(workers: int) -> Settings:
    # With a DSN no embedded PostgreSQL is looked for.
    return replace(
        Settings(data_dir=Path("data")),
        ws=Ws(workers=workers),
        database=Database(dsn="dbname=books"),
    )


def test_every_stream_worker_is_a_program_of_its_own(tmp_path: Path) -> None:
    programs, _ = table(_settings(3), tmp_path)
    streams = [one for one in programs if one.name.startswith("broadcaster")]
    assert [one.name for one in streams] == ["broadcaster", "broadcaster-2", "broadcaster-3"]
    # Each reports under its own name.
    assert [one.argv[-1] for one in streams] == [one.name for one in streams]


def test_streams_end_after_the_books_are_written(tmp_path: Path) -> None:
    programs, _ = table(_settings(2), tmp_path)
    order = ["market", "ingress", "matcher", "writer", "broadcaster", "broadcaster-2"]
    assert stop_order(programs) == order


def test_a_standby_is_a_second_matcher_only_when_asked_for(tmp_path: Path) -> None:
    def matchers(*, standby: bool) -> list[str]:
        programs, _ = table(replace(_settings(1), matcher=Matcher(standby=standby)), tmp_path)
        return [one.argv[-1] for one in programs if one.name.startswith("matcher")]

    assert matchers(standby=False) == ["matcher"]
    assert matchers(standby=True) == ["matcher", "matcher-2"]


def test_a_spare_is_kept_unless_somebody_stands_by(tmp_path: Path) -> None:
    def spare(**matcher: Any) -> tuple[str, ...]:
        programs, _ = table(replace(_settings(1), matcher=Matcher(**matcher)), tmp_path)
        assert all(not one.spare for one in programs if one.name != "matcher")
        return next(one.spare for one in programs if one.name == "matcher")

    assert spare()[-3:] == ("matcher", "matcher", "spare")
    assert spare(spare=False) == ()
    assert spare(standby=True) == ()
    assert spare(peer="tcp://192.0.2.1:7000") == ()


def test_a_standby_whose_receipts_are_waited_for_starts_beside_the_matcher(tmp_path: Path) -> None:
    def needed(replicas: int) -> tuple[str, ...]:
        settings = replace(
            _settings(1), matcher=Matcher(standby=True), journal=Journal(replicas=replicas)
        )
        programs, _ = table(settings, tmp_path)
        return next(one.needs for one in programs if one.name == "matcher-2")

    assert needed(0) == ("matcher",)
    # The first may not be ready before the second has confirmed what it journals.
    assert needed(1) == ("kernel",)


def test_a_host_that_takes_orders_for_another_one_matches_and_writes_nothing(
    tmp_path: Path,
) -> None:
    settings = replace(_settings(1), edge=Edge(source="10.0.0.1:5510"))
    programs, used = table(settings, tmp_path)
    assert [one.name for one in programs] == [
        "kernel", "lane", "office", "edge", "snapshotter", "ingress", "broadcaster",
    ]  # fmt: skip
    [needs] = [one.needs for one in programs if one.name == "ingress"]
    assert needs == ("lane", "edge")
    assert not used.demo
    # It leaves after those who hear from it.
    assert stop_order(programs) == ["ingress", "broadcaster", "edge"]
    with pytest.raises(BadConfiguration, match=r"database\.dsn"):
        table(replace(settings, database=Database()), tmp_path)
    with pytest.raises(BadConfiguration, match="takes the market only"):
        table(replace(settings, wire=Wire(source="10.0.0.1:5500")), tmp_path)


def test_a_gate_stands_where_edges_may_come_and_ends_after_the_matcher(tmp_path: Path) -> None:
    programs, _ = table(replace(_settings(1), edge=Edge(listen="10.0.0.1:5510")), tmp_path)
    order = stop_order(programs)
    assert order.index("gate") == order.index("matcher") + 1
