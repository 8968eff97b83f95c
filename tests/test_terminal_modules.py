"""The logic of the terminal's modules, run by node where it is there; `make browser` runs the same in Chromium."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "terminal"
NODE = shutil.which("node")
PROGRAM = (
    "import('./all.js').then(({all}) => all()).then((told) => console.log(JSON.stringify(told)))"
)


def test_every_file_of_tests_is_run():
    found = {path.name.removesuffix(".test.js") for path in HERE.glob("*.test.js")}
    assert all(f'"{name}"' in (HERE / "all.js").read_text() for name in found)


@pytest.mark.skipif(NODE is None, reason="node is not installed; `make browser` runs these tests")
def test_the_modules_do_what_their_tests_say():
    assert NODE
    done = subprocess.run(
        [NODE, "--input-type=commonjs", "-e", PROGRAM],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["failed"] == []
    assert told["passed"] > 25
