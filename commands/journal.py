"""`openbourse journal verify|dump|digest`: check the journal, print its records, print the state's digest.

All three read only, also while the exchange runs: then up to the last command that is durable.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from commands import Refused
from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.invariants import check
from matcher.core.state import private_memory
from matcher.recovery import replay_into
from protocol.layout import Rows
from protocol.records import Command
from protocol.terms import CommandKind
from runtime import endpoints
from runtime.durable import DurableReader
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.shared import NotPublished

SUMMARY = "verify, dump or digest the journal"
STOPPED_FILE = "stopped.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words that may follow `journal`."""
    parser.add_argument(
        "action",
        choices=["verify", "dump", "digest"],
        help="verify: check every checksum and the chain, and replay; dump: print the commands, only "
        "fields that are set; digest: replay and print the digest of the state",
    )
    parser.add_argument("--deep", action="store_true", help="verify: walk the whole state, too")
    parser.add_argument("--from-seq", type=int, default=1, help="dump: first command (1)")
    parser.add_argument("--limit", type=int, default=100, help="dump: how many at most (100)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the exit status is 0 only when the journal is whole."""
    settings = load()
    folder = settings.data_dir / "journal"
    if not segments_in(folder):
        raise Refused(f"there is no journal in {folder}")
    action = {"verify": _verify, "dump": _dump, "digest": _digest}[args.action]
    try:
        return action(args, settings, folder)
    except (CorruptJournal, WrongVersion, NotPublished) as error:
        raise Refused(str(error)) from error


def _verify(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    begun = time.perf_counter()
    reader = _reader(settings, folder)
    engine = Engine(capacity.recorded(folder), private_memory)
    count = replay_into(engine, _checked(reader.read()))
    seconds = time.perf_counter() - begun
    found = _state(reader, engine) | {
        "commands": count,
        "segments": len(segments_in(folder)),
        "torn_tail": reader.journal.torn,
        "seconds": round(seconds, 3),
        "faults": _faults(engine, folder, deep=args.deep),
    }
    print(
        f"{count} commands in {found['segments']} segments up to seq {found['seq']}, checked and "
        f"replayed in {seconds:.2f} s; digest {found['digest']}"
        + (", the torn tail will be cut at the next start" if found["torn_tail"] else "")
        + (", while the exchange runs" if found["live"] else "")
    )
    for fault in found["faults"]:
        print(f"fault: {fault}")
    if args.json:
        print(json.dumps(found))
    return 1 if found["faults"] else 0


def _digest(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    reader = _reader(settings, folder)
    engine = Engine(capacity.recorded(folder), private_memory)
    replay_into(engine, reader.read())
    found = _state(reader, engine)
    print(json.dumps(found) if args.json else f"seq {found['seq']} digest {found['digest']}")
    return 0


def _dump(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    reader = _reader(settings, folder, max(1, args.from_seq))
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


def _reader(settings: Settings, folder: Path, from_seq: int = 1) -> DurableReader:
    return DurableReader(JournalReader(folder, from_seq), endpoints.run_dir(settings.data_dir))


def _checked(batches: Iterator[Rows]) -> Iterator[Rows]:
    """Pass batches on after a look at what no checksum covers: numbers dense, time never falling."""
    last_ns = 0
    for rows in batches:
        seqs, times = rows["seq"], rows["at_ns"]
        if (np.diff(seqs) != 1).any() or times[0] < last_ns or (np.diff(times) < 0).any():
            raise Refused(f"the commands from seq {seqs[0]} are not in order of number and time")
        last_ns = int(times[-1])
        yield rows


def _state(reader: DurableReader, engine: Engine) -> dict[str, Any]:
    status = engine.blocks["status"][0]
    return {
        "seq": int(status["seq"]),
        "event_seq": int(status["event_seq"]),
        "digest": engine.digest(),
        "live": reader.is_live,
    }


def _faults(engine: Engine, folder: Path, *, deep: bool) -> list[str]:
    """Compare with what the matcher noted at its last stop, and walk the state when asked to."""
    faults: list[str] = []
    noted = _noted(folder)
    state = engine.blocks["status"][0]
    if noted.get("seq") == int(state["seq"]) and noted.get("digest") != engine.digest():
        faults.append(
            f"the matcher stopped at seq {noted['seq']} with digest {noted['digest']}, "
            f"the replay gives {engine.digest()}"
        )
    if deep:
        faults += check(engine)
    return faults


def _noted(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / STOPPED_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
