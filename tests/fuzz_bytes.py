"""Let atheris look for bytes that a parser cannot bear: `python -m tests.fuzz_bytes --seconds 60`.

Every target of `tests/byte_targets.py` has its share of the time, in a process of its own, with the parsers
instrumented: inputs that reach new lines are kept and changed further. The first that makes anything else
than the parser's own refusal escape ends the run with exit status 1; its bytes are in `build/bytes`.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOUND = Path("build/bytes")
_PARSERS = ["ingress", "runtime", "broadcaster.control", "protocol.units"]
_LONGEST = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz all targets, or one in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--target", default="", help="only this one, in this process")
    args = parser.parse_args(arguments)
    if args.target:
        fuzz(args.target, args.seconds)
    from tests.byte_targets import TARGETS

    share = max(1, args.seconds // len(TARGETS))
    for name in TARGETS:
        print(f"{name}: {share} s", flush=True)
        command = [sys.executable, "-m", "tests.fuzz_bytes", "--target", name]
        done = subprocess.run(
            [*command, "--seconds", str(share)], capture_output=True, text=True, check=False
        )
        print("\n".join(done.stderr.splitlines()[-1 if done.returncode == 0 else -40 :]))
        if done.returncode != 0:
            return 1
    return 0


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target; does not return."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=_PARSERS, enable_loader_override=False):
        targets = importlib.import_module("tests.byte_targets")
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, sample in enumerate(targets.SAMPLES[name]):
            (Path(corpus) / str(number)).write_bytes(sample)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST}",
            f"-artifact_prefix={FOUND}/{name}-",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], targets.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
