"""`openbourse trace ORDER_ID`: one order's life, with the time at which each stage was reached.

What happened comes out of the journal, by a replay; when it was durable, visible, told, committed and broadcast,
from what the running processes keep of their last batches (`runtime/trail.py`). For older commands, and when the
exchange is down, those times are gone; when it was received and stamped is in the journal for ever.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commands import Refused
from commands.journal_verify import begin
from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import apply, journal_folder
from protocol.layout import Rows
from protocol.terms import CommandKind, EventKind, OrdStatus
from runtime import endpoints
from runtime.durable import DurableReader
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.shared import NotPublished
from runtime.trail import TrailReader, trails

STAGES = ("received", "stamped", "journaled", "matched", "told", "persisted", "broadcast")
_BESIDE = ("persisted", "broadcast")
"""They wait for the answer, not for each other: both are counted from `told`."""
_SHOWN = ("price", "order_qty", "leaves_qty", "cum_qty", "last_px", "last_qty", "reason", "contra_order_id")  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what follows `trace`."""
    parser.add_argument("order_id", type=int)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the life; 0 when there is such an order.

    Raises: Refused.
    """
    settings = load()
    steps = trace(settings, args.order_id)
    if not steps:
        raise Refused(f"no order {args.order_id} in the journal of {settings.data_dir}")
    told = {"order_id": args.order_id, "steps": steps}
    print(json.dumps(told) if args.json else "\n".join(_lines(args.order_id, steps)))
    return 0


def trace(settings: Settings, order_id: int) -> list[dict[str, Any]]:
    """Return one step per command that touched the order, in order.

    Each has "seq", "command", "events" and "stages": nanoseconds since 1970 by stage, those that are known.
    Cost: a replay of the whole journal.

    Raises: Refused.
    """
    folder = journal_folder(settings.data_dir)
    run_dir = endpoints.run_dir(settings.data_dir)
    if not segments_in(folder):
        raise Refused(f"there is no journal in {folder}")
    steps: list[dict[str, Any]] = []
    try:
        engine = Engine(capacity.recorded(folder), private_memory)
        reader = DurableReader(begin(engine, settings.data_dir), run_dir)
        for rows in reader.read():
            found: list[Rows] = []
            apply(engine, rows, lambda events, found=found: _keep(events, order_id, found))  # type: ignore[misc]
            steps += [_step(rows, events) for events in found]
    except (CorruptJournal, WrongVersion, NotPublished) as error:
        raise Refused(str(error)) from error
    _add_times(run_dir, steps)
    return steps


def _keep(events: Rows, order_id: int, found: list[Rows]) -> None:
    mine = events[(events["order_id"] == order_id) | (events["contra_order_id"] == order_id)]
    # Of a trade's two events each names both orders; its own tells how the order stands.
    mine = mine[(mine["order_id"] == order_id) | (mine["kind"] != EventKind.TRADE)].copy()
    found.extend(mine[mine["seq"] == seq] for seq in dict.fromkeys(mine["seq"].tolist()))


def _step(rows: Rows, events: Rows) -> dict[str, Any]:
    command = rows[int(events["seq"][0]) - int(rows["seq"][0])]
    stages = {"received": int(command["received_ns"]), "stamped": int(command["at_ns"])}
    return {
        "seq": int(command["seq"]),
        "command": CommandKind(int(command["kind"])).name,
        "events": [_event(row) for row in events],
        "stages": {stage: at_ns for stage, at_ns in stages.items() if at_ns},
    }


def _event(row: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event_seq": int(row["event_seq"]),
        "kind": EventKind(int(row["kind"])).name,
    }
    if row["ord_status"]:
        told["ord_status"] = OrdStatus(int(row["ord_status"])).name
    return told | {name: int(row[name]) for name in _SHOWN if row[name]}


def _add_times(run_dir: Path, steps: list[dict[str, Any]]) -> None:
    matcher, writer = TrailReader(run_dir, "matcher"), TrailReader(run_dir, "writer")
    broadcasters = trails(run_dir, "broadcaster")
    for step in steps:
        found = matcher.find(step["seq"])
        if found:
            step["stages"] |= {
                "journaled": found.journaled_ns,
                "matched": found.matched_ns,
                "told": found.done_ns,
            }
        number = step["events"][-1]["event_seq"]
        if written := writer.find(number):
            step["stages"]["persisted"] = written.done_ns
        sent = [one.done_ns for trail in broadcasters if (one := trail.find(number))]
        if sent:
            step["stages"]["broadcast"] = max(sent)


def _lines(order_id: int, steps: list[dict[str, Any]]) -> Iterator[str]:
    yield f"order {order_id}"
    for step in steps:
        stages = step["stages"]
        yield f"command {step['seq']}  {step['command']}"
        before = 0
        for stage in STAGES:
            if stage not in stages:
                yield f"  {stage:<10} not known any more"
                continue
            at_ns = stages[stage]
            later = f"{(at_ns - before) / 1000:+.0f} µs" if before else ""
            yield f"  {stage:<10} {_clock(at_ns)}  {later}".rstrip()
            if stage not in _BESIDE:
                before = at_ns
        for event in step["events"]:
            facts = " ".join(f"{name}={value}" for name, value in event.items() if name != "kind")
            yield f"  {event['kind']:<10} {facts}"


def _clock(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06}Z"
