"""`openbourse journal verify|dump|digest`: check the journal, print its records, print the state's digest.

All three read only, also while the exchange runs: then up to the last command that is durable.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from commands import Refused
from commands.journal_verify import Verification, begin
from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import replay_into
from protocol.records import Command
from protocol.terms import CommandKind
from runtime import endpoints
from runtime.durable import DurableReader
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.shared import NotPublished
from writer.reconcile import Report

SUMMARY = "verify, dump or digest the journal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words that may follow `journal`."""
    parser.add_argument(
        "action",
        choices=["verify", "dump", "digest"],
        help="verify: check every checksum and the chain, and replay; dump: print the commands, only "
        "fields that are set; digest: replay and print the digest of the state",
    )
    parser.add_argument(
        "--deep",
        action="store_true",
        help="verify: walk the whole state and try all snapshots, too",
    )
    parser.add_argument(
        "--against-db",
        action="store_true",
        help="verify: compare every row of the database with the journal, too; reads only",
    )
    parser.add_argument("--from-seq", type=int, default=1, help="dump: first command (1)")
    parser.add_argument("--limit", type=int, default=100, help="dump: how many at most (100)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the exit status is 0 only when the journal is whole."""
    settings = load()
    folder = settings.data_dir / "journal"
    if args.limit < 0:
        raise Refused(f"--limit is {args.limit}; 0 or more are needed")
    if not segments_in(folder):
        raise Refused(f"there is no journal in {folder}")
    action = {"verify": _verify, "dump": _dump, "digest": _digest}[args.action]
    try:
        return action(args, settings, folder)
    except (CorruptJournal, WrongVersion, NotPublished) as error:
        raise Refused(str(error)) from error


def _verify(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    work = Verification(settings, deep=args.deep)
    result = work.run(against_database=args.against_db)
    found = _state(work.reader, work.engine) | {
        "from_seq": result.from_seq,
        "commands": result.commands,
        "segments": len(segments_in(folder)),
        "torn_tail": work.reader.journal.torn,
        "snapshots": result.snapshots,
        "seconds": result.seconds,
        "faults": result.faults,
    }
    print(
        f"{result.commands} commands in {found['segments']} segments up to seq {found['seq']}, checked "
        f"and replayed in {result.seconds:.2f} s; digest {found['digest']}"
        + (", the torn tail will be cut at the next start" if found["torn_tail"] else "")
        + (", while the exchange runs" if found["live"] else "")
    )
    if result.from_seq > 1:
        print(f"the journal begins behind a snapshot, with seq {result.from_seq}")
    if result.snapshots:
        print(
            f"{result.snapshots} snapshots have the digest of the replay, but for those told below"
        )
    if result.database:
        found["database"] = _told_of_database(result.database)
    for fault in result.faults:
        print(f"fault: {fault}")
    if args.json:
        print(json.dumps(found))
    return 1 if result.faults else 0


def _told_of_database(report: Report) -> dict[str, Any]:
    """Print how the books of record compare; return it for JSON."""
    rows = sum(report.checked.values())
    seq, event_seq = report.watermark
    print(
        f"{rows} rows of the database compared, up to its watermark: seq {seq}, event {event_seq}"
    )
    for table, count in report.different.items():
        print(f"{table}: {count} rows differ")
    return {
        "watermark": {"seq": seq, "event_seq": event_seq},
        "checked": report.checked,
        "different": report.different,
    }


def _digest(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    engine = Engine(capacity.recorded(folder), private_memory)
    reader = DurableReader(begin(engine, settings.data_dir), endpoints.run_dir(settings.data_dir))
    replay_into(engine, reader.read())
    found = _state(reader, engine)
    print(json.dumps(found) if args.json else f"seq {found['seq']} digest {found['digest']}")
    return 0


def _dump(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    journal = JournalReader(folder, max(1, args.from_seq))
    reader = DurableReader(journal, endpoints.run_dir(settings.data_dir))
    records: list[dict[str, Any]] = []
    for rows in reader.read():
        for row in rows[: args.limit - len(records)]:
            record = _fields(row)
            records.append(record)
            if not args.json:
                print(" ".join(f"{name}={value}" for name, value in record.items()))
        if len(records) >= args.limit:
            break
    if args.json:
        print(json.dumps({"records": records, "live": reader.is_live}))
    return 0


def _state(reader: DurableReader, engine: Engine) -> dict[str, Any]:
    status = engine.blocks["status"][0]
    return {
        "seq": int(status["seq"]),
        "event_seq": int(status["event_seq"]),
        "digest": engine.digest(),
        "live": reader.is_live,
    }


def _fields(row: Any) -> dict[str, Any]:
    """Return the fields of a command that are set, the kind by name."""
    found: dict[str, Any] = {}
    for name, _ in Command.fields:
        value = row[name].item()
        if isinstance(value, bytes):
            value = value.decode(errors="backslashreplace")
        if value or name in ("seq", "at_ns", "kind"):
            found[name] = value
    kinds = {int(kind): kind.name for kind in CommandKind}
    found["kind"] = kinds.get(found["kind"], found["kind"])
    return found
