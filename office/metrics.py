"""Make Prometheus metrics of what the processes have counted and of what the supervisor knows of them.

Nothing is kept here: each scrape reads the meters' files (`runtime/meters.py`), the status file and
/proc anew. A meter of a process that has ended is left out.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from runtime.meters import BOUNDS_NS, Reading, readings
from supervision import status
from supervision.pids import born, usage

STATES = ("starting", "ready", "running", "backoff", "stopping", "stopped", "fatal", "gone")

FACTS = {
    ("matcher", "seq"): ("openbourse_seq", "Last command that was applied."),
    ("matcher", "event_seq"): ("openbourse_event_seq", "Last event that was caused."),
    ("matcher", "disk_full"): ("openbourse_disk_full", "1 while the journal has no room."),
    ("matcher", "alone"): (
        "openbourse_alone",
        "1 while answers wait for no standby, though journal.replicas = 1.",
    ),
    ("matcher", "replica_behind"): (
        "openbourse_replica_behind",
        "Commands that the standby has not confirmed.",
    ),
    ("matcher", "dropped_commands"): (
        "openbourse_dropped_commands",
        "Commands not taken while the journal had no room or no receipt came, in this life.",
    ),
    ("matcher", "wrong_frames"): (
        "openbourse_wrong_frames",
        "Frames that held no commands of this exchange, in this life.",
    ),
    ("matcher", "dropped_replies"): (
        "openbourse_dropped_replies",
        "Frames of answers that a full wire did not take, in this life.",
    ),
    ("matcher", "dropped_events"): (
        "openbourse_dropped_events",
        "Frames of events that the writer's full wire did not take, in this life.",
    ),
    ("edge", "seq"): ("openbourse_seq", "Last command that was applied."),
    ("edge", "event_seq"): ("openbourse_event_seq", "Last event that was caused."),
    ("edge", "away"): (
        "openbourse_edge_away",
        "1 while this edge has lost the exchange: no order is taken, no account is shown.",
    ),
    ("edge", "behind"): (
        "openbourse_edge_behind",
        "Commands that this edge knows of and has not applied.",
    ),
    ("edge", "dropped_commands"): (
        "openbourse_dropped_commands",
        "Frames of commands that this edge could not hand over, in this life.",
    ),
    ("edge", "dropped_replies"): (
        "openbourse_dropped_replies",
        "Frames of answers that a full wire did not take, in this life.",
    ),
    ("gate", "edges"): ("openbourse_edges", "Edges that are connected."),
    ("gate", "behind"): (
        "openbourse_edges_behind",
        "Commands that the edge which has least has not confirmed.",
    ),
    ("gate", "refused_commands"): (
        "openbourse_gate_refused_commands",
        "Frames of edges with what no edge may hand in, in this life.",
    ),
    ("gate", "dropped_commands"): (
        "openbourse_gate_dropped_commands",
        "Frames of edges that the matcher's full wire did not take, in this life.",
    ),
    ("writer", "watermark"): ("openbourse_watermark", "Last event that is in the database."),
    ("snapshotter", "snapshot"): ("openbourse_snapshot_seq", "Command of the newest snapshot."),
}
"""Reported facts by process and name: the metric and what it means."""


class Processes(Collector):
    """All metrics of the exchange with this run-time directory; `only`: those of one process."""

    def __init__(self, run: Path, only: str = "") -> None:
        self._run = run
        self._only = only

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands now."""
        told = status.told(self._run)
        entries = [one for one in told["processes"] if self._wanted(one["name"])]
        yield from _of_states(told, entries)
        yield from _of_facts(entries)
        if not self._only:
            yield from _lag(told["processes"])
        yield from _of_system(self._run, entries)
        wanted = [one for one in readings(self._run) if self._wanted(one.process) and born(one.pid)]
        yield from _of_meters(wanted)

    def _wanted(self, process: str) -> bool:
        return not self._only or process == self._only or process.startswith(f"{self._only}-")


def text(run: Path, only: str = "") -> bytes:
    """Return the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Processes(run, only))
    return generate_latest(registry)


def _of_states(told: dict[str, Any], entries: list[dict[str, Any]]) -> Iterator[Metric]:
    up = GaugeMetricFamily("openbourse_up", "1: every process does its work.")
    up.add_metric([], float(told["state"] == "running"))
    yield up
    state = GaugeMetricFamily(
        "openbourse_process_state", "1 for the state a process is in.", labels=["process", "state"]
    )
    restarts = CounterMetricFamily(
        "openbourse_process_restarts", "How often it was started again.", labels=["process"]
    )
    for entry in entries:
        restarts.add_metric([entry["name"]], entry["restarts"])
        for one in STATES:
            state.add_metric([entry["name"], one], float(entry["state"] == one))
    yield state
    yield restarts


def _of_facts(entries: list[dict[str, Any]]) -> Iterator[Metric]:
    for entry in entries:
        for name, value in entry["facts"].items():
            known = FACTS.get((_part(entry), name))
            if known and isinstance(value, int | float):
                yield GaugeMetricFamily(*known, value=float(value))


def _part(entry: dict[str, Any]) -> str:
    """Return what a process is in the exchange: of several matchers the primary is the matcher."""
    role = entry.get("role", "")
    return "matcher" if role == "primary" else role or str(entry["name"])


def _lag(entries: list[dict[str, Any]]) -> Iterator[Metric]:
    """Yield how far the database is behind, where a writer is that knows."""
    facts = {_part(one): one["facts"] for one in entries}
    if "writer" not in facts:
        return
    told = int(facts.get("matcher", {}).get("event_seq", 0))
    written = int(facts["writer"].get("watermark", told))
    why = "Events that are not in the database yet."
    yield GaugeMetricFamily("openbourse_watermark_lag_events", why, value=max(0, told - written))


def _of_system(run: Path, entries: list[dict[str, Any]]) -> Iterator[Metric]:
    labels = ["process", "pid"]
    memory = GaugeMetricFamily(
        "openbourse_process_resident_bytes", "Memory in use, shared memory included.", labels=labels
    )
    own = GaugeMetricFamily(
        "openbourse_process_private_bytes", "Memory in use that is not shared.", labels=labels
    )
    files = GaugeMetricFamily("openbourse_process_open_fds", "Open descriptors.", labels=labels)
    cpu = CounterMetricFamily(
        "openbourse_process_cpu_seconds", "Processor time used.", labels=labels
    )
    for entry in entries:
        for pid in (entry["pid"], *entry["workers"]):
            if found := usage(pid) if pid else None:
                key = [entry["name"], str(pid)]
                memory.add_metric(key, found[0])
                own.add_metric(key, found[1])
                files.add_metric(key, found[2])
                cpu.add_metric(key, found[3])
    yield from (memory, own, files, cpu)
    disk = os.statvfs(run)
    yield GaugeMetricFamily(
        "openbourse_run_free_bytes",
        "Room in the run-time directory's file system.",
        value=disk.f_bavail * disk.f_frsize,
    )


def _of_meters(found: Iterable[Reading]) -> Iterator[Metric]:
    families: dict[str, Any] = {}
    for one in found:
        meter = one.meter
        labels = ["process", *sorted(meter.labels)]
        values = [one.process, *(meter.labels[name] for name in sorted(meter.labels))]
        if meter.name not in families:
            kind = {
                "counter": CounterMetricFamily,
                "gauge": GaugeMetricFamily,
                "histogram": HistogramMetricFamily,
            }[meter.kind]
            families[meter.name] = kind(meter.name.removesuffix("_total"), meter.why, labels=labels)
        if meter.kind == "histogram":
            families[meter.name].add_metric(values, _buckets(one.cells), one.cells[-1] / 1e9)
        else:
            families[meter.name].add_metric(values, one.cells[0])
    yield from families.values()


def _buckets(cells: tuple[int, ...]) -> list[tuple[str, float]]:
    ends = [*(f"{bound / 1e9:g}" for bound in BOUNDS_NS), "+Inf"]
    total, buckets = 0, []
    for end, count in zip(ends, cells[:-1], strict=True):
        total += count
        buckets.append((end, float(total)))
    return buckets
