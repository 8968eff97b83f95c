"""Make the order flow that the core is measured on, and say what a correct engine makes of it.

A seeded random market: limit orders around a wandering fair price, cancels, reductions, replaces
and 5 % marketable orders, so that a book of thousands of orders stands and moves. Every cancel,
reduction and replace names an order that is live if price-time priority is followed exactly; so a
flow is also an oracle, and `Summary.checksum` covers every single fill (`expected_flow.json` holds
the summaries of the two flows that figures are published for).

The stream of random numbers is part of the format: the same arguments give the same bytes, always.
`python -m benchmarks.order_flow OUT.bin INSTRUMENTS SEED [COUNT]` writes one flow and prints its
summary.
"""

import hashlib
import json
import os
import pathlib
import sys
from dataclasses import asdict
from typing import Final

import numpy as np

from benchmarks.flow_market import (
    CANCEL,
    NEW,
    NEW_IOC,
    OPENING_NS,
    REDUCE,
    REPLACE,
    Market,
    Summary,
)
from protocol.layout import Rows

__all__ = [
    "CANCEL",
    "FLOW_DTYPE",
    "NEW",
    "NEW_IOC",
    "REDUCE",
    "REPLACE",
    "build",
    "expected",
    "generate",
]

STANDARD_COUNT: Final = 2_000_000
FLOW_DTYPE = np.dtype(
    [
        ("type", "u1"),
        ("side", "u1"),
        ("symbol", "<u2"),
        ("price", "<u4"),
        ("qty", "<u4"),
        ("oid", "<u4"),
        ("newid", "<u4"),
        ("acct", "<u4"),
        ("ts", "<u8"),
    ]
)
"""One record. `price` is 1 to 100,000 (of a CANCEL or REDUCE the target's: a hint); `qty` of a
REDUCE is the amount to subtract, always below the open quantity; `oid` the new order or the
target, `newid` the order that replaces it, ids are dense from 1 over all instruments. `acct`, 1 to
1000, is the owner only in NEW records. `ts` rises."""


def build(instruments: int, seed: int, count: int = STANDARD_COUNT) -> tuple[bytes, Summary]:
    """Make a flow anew: its bytes and its summary. About 4 µs a record."""
    market = Market(instruments, seed, count)
    records, live_sum, now_ns = [], 0, OPENING_NS
    for _ in range(count):
        now_ns, record = market.step(now_ns)
        records.append(record)
        live_sum += len(market.orders)
    return b"".join(records), market.summary(live_sum)


def generate(instruments: int, seed: int, count: int = STANDARD_COUNT) -> Rows:
    """Give a flow as rows of `FLOW_DTYPE`, from the cache when it was made before.

    The cache is keyed by the arguments and the sources: an edited generator never meets old files.
    """
    here = pathlib.Path(__file__).parent
    sources = [(here / name).read_bytes() for name in ("order_flow.py", "flow_market.py")]
    source = hashlib.sha256(b"".join(sources)).hexdigest()[:12]
    path = _cache_dir() / f"{instruments}-{seed}-{count}-{source}.flow"
    if not path.exists():
        records, _ = build(instruments, seed, count)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(records)
        part.replace(path)
    return np.fromfile(path, FLOW_DTYPE)


def expected(instruments: int, seed: int) -> dict[str, object]:
    """Give the published summary of one of the two standard flows.

    Raises: KeyError when there is none for these arguments.
    """
    published = json.loads(pathlib.Path(__file__).with_name("expected_flow.json").read_text())
    summary: dict[str, object] = published[f"{instruments} {seed}"]
    return summary


def _cache_dir() -> pathlib.Path:
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "openbourse" / "flows"


def main(words: list[str]) -> int:
    """Write one flow to a file and print its summary."""
    if len(words) not in (3, 4):
        print("usage: order_flow.py OUT.bin INSTRUMENTS SEED [COUNT]", file=sys.stderr)
        return 2
    out, *numbers = words
    records, summary = build(*map(int, numbers))
    pathlib.Path(out).write_bytes(records)
    print(json.dumps(asdict(summary), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
