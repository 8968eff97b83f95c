"""How the whole exchange stands, as one object: for the operator's page and for scripts."""

from pathlib import Path
from typing import Any

from matcher.recovery import journal_folder, snapshot_folder
from protocol.board_reads import Board
from protocol.terms import SessionPhase
from runtime import clock
from runtime.meters import BOUNDS_NS, Reading, readings, total
from runtime.segments import segments_in
from runtime.shared import NotPublished, Reader
from runtime.snapshot import snapshots_in
from supervision import status
from supervision.pids import born


def whole(data_dir: Path, run_dir: Path) -> dict[str, Any]:
    """Return processes, market, queues, lag, journal, snapshots, and the counters that rates are made of.

    A rate is the difference of two of `totals` over the difference of their `at_ns`.
    """
    told = status.told(run_dir)
    facts = {one["name"]: one["facts"] for one in told["processes"]}
    primary = {one["role"]: one["facts"] for one in told["processes"]}.get("primary", {})
    matcher = primary or facts.get("matcher") or facts.get("edge", {})
    alive = [one for one in readings(run_dir) if born(one.pid)]
    return {
        **told,
        "at_ns": clock.wall_ns(),
        "watermark_lag_events": _lag(matcher, facts.get("writer")),
        "instruments": _market(run_dir),
        "queues": {
            "pending_commands": total(alive, "openbourse_pending_commands"),
            "pending_events": total(alive, "openbourse_pending_events"),
        },
        "drops": {
            name: matcher.get(name, 0)
            for name in ("dropped_commands", "dropped_replies", "dropped_events", "wrong_frames")
        },
        "totals": {
            "commands": total(alive, "openbourse_commands_total"),
            "requests": total(alive, "openbourse_requests_total"),
            "written_events": total(alive, "openbourse_written_events_total"),
            "delivered_messages": total(alive, "openbourse_delivered_messages_total"),
        },
        "connections": total(alive, "openbourse_connections"),
        "latency": _latency(alive),
        "latency_bounds_ns": list(BOUNDS_NS),
        "journal": _files(segments_in(journal_folder(data_dir))),
        "snapshots": _files(snapshots_in(snapshot_folder(data_dir))),
    }


def _lag(matcher: dict[str, Any], writer: dict[str, Any] | None) -> int | None:
    """Return how many events are not in the database yet; None where no writer is."""
    if writer is None:
        return None
    event_seq = int(matcher.get("event_seq", 0))
    return max(0, event_seq - int(writer.get("watermark", event_seq)))


def _market(run_dir: Path) -> list[dict[str, Any]]:
    try:
        board = Board(Reader(run_dir).current)
        return [
            {"symbol": symbol, "phase": SessionPhase(int(board.instrument(number)["phase"])).name}
            for number, symbol in enumerate(board.symbols())
        ]
    except NotPublished:
        return []


def _latency(alive: list[Reading]) -> dict[str, dict[str, Any]]:
    """Return count, mean seconds and buckets of each stage since its process began.

    The buckets end at `latency_bounds_ns`, one more holds what is longer; two looks' differences give what came between.
    """
    found: dict[str, list[int]] = {}
    for one in alive:
        if one.meter.kind == "histogram":
            name = one.meter.labels.get("stage") or one.meter.name.removeprefix("openbourse_")
            sums = found.setdefault(name.removesuffix("_seconds"), [0] * len(one.cells))
            sums[:] = [sum(pair) for pair in zip(sums, one.cells, strict=True)]
    return {
        name: {
            "count": (count := sum(buckets)),
            "mean_s": total_ns / 1e9 / count if count else 0.0,
            "buckets": buckets,
        }
        for name, (*buckets, total_ns) in found.items()
    }


def _files(paths: list[Path]) -> dict[str, Any]:
    sizes = []
    for path in paths:
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    newest = paths[-1].name if paths else ""
    return {"files": len(sizes), "bytes": sum(sizes), "newest": newest}
