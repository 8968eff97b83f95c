"""The README, followed from top to bottom by a newcomer on a clean clone.

Every command that it shows, in a block or in a line of text, is executed in one shell in the order of the page.
What is not is in `LEFT_OUT`, with the reason; a command that is added to the page is executed from then on.
Three things differ from what a newcomer does: the packages are those that run the tests (a link instead of a
download), the ports are free ones, and words that stand for something (`DIR`, `ORDER_ID`) are filled in.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.ports import free_port

ROOT = Path(__file__).parent.parent.parent
START_S = 240.0
COMMAND = re.compile(r"(openbourse|make|curl|signed|\.venv/bin/|\.ci/run)( |$)")
LEFT_OUT = {
    "make up": "begins the test; later the text speaks of what it has printed",
    "openbourse up": "`make up` at the top of the page is it",
    "openbourse status": "with up and down in one line; asked at the end",
    "openbourse replay FILE": "recorded flows are not part of the repository; tests/test_flows.py plays one",
    "openbourse vectors tests/vectors": "half a minute; tests/test_vectors.py runs all of them",
    "openbourse bench core": "a minute of measuring; tests/test_report.py and `make bench`",
    "make test": "it runs this test",
    "make fast": "a part of the above",
    "make lint": "CI runs it on the same files",
    "make fix": "changes files, when lint finds something",
    ".ci/run": "runs all of the above",
}
BLOCK = "two orders that cross"
LAST = ("openbourse restore DIR", "openbourse down")
"""They end what the others need: restore wants an exchange that is not running."""
FILLED_IN = {"DIR": "kept", "ORDER_ID": "$ORDER_ID", "FILE": ""}
ENDLESS = {"openbourse simulate": "--seconds 3"}
"""What goes on until it is stopped is given an end."""
LISTENS = ".venv/bin/python -m websockets"
"""It listens until it is stopped: in the background, while the orders of the page are sent once more."""


def commands(page: str) -> Iterator[str]:
    """Yield what the page tells to type, in its order: blocks of shell, and commands in the text."""
    for block, code in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", page, re.DOTALL):
        if block:
            yield block.strip()
        elif COMMAND.match(code):
            yield code


class Shell:
    """One shell for the whole page: what is set stays set."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self('openbourse() { .venv/bin/openbourse "$@"; }')  # fmt: skip

    def __call__(self, command: str) -> str:
        """Execute a command that must succeed, and return what it printed."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f'{command}\necho "-- done $?"\n')
        self._shell.stdin.flush()
        lines = []
        for line in self._shell.stdout:
            if done := re.fullmatch(r"(.*)-- done (\d+)\n", line):
                told = "".join([*lines, done[1]])
                assert done[2] == "0", f"{command}\n{told}"
                return told
            lines.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(lines)}")

    def close(self) -> None:
        assert self._shell.stdin
        self._shell.stdin.close()
        self._shell.wait(10)
        assert self._shell.stdout
        self._shell.stdout.close()


def clone(folder: Path) -> None:
    """Make a clean clone whose `.venv` has the packages that run the tests."""
    cloned = subprocess.run(
        ["git", "clone", "--quiet", str(ROOT), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not (ROOT / ".git").exists():
        pytest.skip("these files are no git checkout, so nobody can clone them")
    assert cloned.returncode == 0, cloned.stderr
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    [packages] = (folder / ".venv" / "lib").glob("python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{folder}\n{sysconfig.get_path('purelib')}\n")
    program = folder / ".venv" / "bin" / "openbourse"
    program.write_text(
        f"#!{folder}/.venv/bin/python\nimport sys\nfrom supervisor import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    (folder / ".venv" / "for-use").touch()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Path]:
    """A clean clone in which nothing has been started, and everything is stopped afterwards."""
    folder = tmp_path / "openbourse"
    clone(folder)
    yield folder
    subprocess.run([folder / ".venv" / "bin" / "openbourse", "down"], cwd=folder, check=False)


def test_no_command_is_left_out_that_the_page_does_not_have():
    page = list(commands((ROOT / "README.md").read_text()))
    for name in (*LEFT_OUT, *LAST):
        assert name in page, f"{name} is not in the README any more"
    for name in (*ENDLESS, LISTENS):
        assert any(one.startswith(name) for one in page), name


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "git", "make", "curl", "openssl"))),
    reason="the README's commands need bash, git, make, curl and openssl",
)
def test_every_command_of_the_readme_does_what_it_says(newcomer, tmp_path):
    rest, ws, office = (str(free_port()) for _ in range(3))
    page = (newcomer / "README.md").read_text()
    page = page.replace("127.0.0.1:3000", f"127.0.0.1:{rest}").replace(
        "127.0.0.1:4000", f"127.0.0.1:{ws}"
    )
    first, *others = commands(page)
    assert first == "make up"
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("OPENBOURSE")
    }
    environ["OPENBOURSE_REST_PORT"] = rest
    output = tmp_path / "output"
    with output.open("wb") as file:
        exchange = subprocess.Popen(
            ["make", "up", f"ARGS=--rest-port {rest} --ws-port {ws} --office-port {office}"],
            cwd=newcomer, env=environ, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_S
    while "The exchange is up" not in output.read_text():
        assert exchange.poll() is None, output.read_text()[-4000:]
        assert time.monotonic() < deadline, output.read_text()[-4000:]
        time.sleep(0.1)
    shell = Shell(newcomer, environ)
    try:
        told = follow(shell, [one for one in others if one not in LAST])
        shell("openbourse status")
        shell("openbourse down")
        assert exchange.wait(60) == 0
        shell("openbourse restore kept --data-dir restored")
    finally:
        shell.close()
        if exchange.poll() is None:
            os.killpg(exchange.pid, signal.SIGTERM)
            exchange.wait(120)
    assert '"status":"FILLED"' in told[BLOCK]
    assert '"isBuyer":true' in told['signed GET /api/v3/myTrades "$ALICE_KEY" "$ALICE_SECRET" symbol=BTCUSDT']  # fmt: skip


def follow(shell: Shell, page: list[str]) -> dict[str, str]:
    """Execute the page's commands, one after the other, and return what each printed."""
    told: dict[str, str] = {}
    block = ""
    for command in page:
        if command in LEFT_OUT:
            continue
        if "signed POST" in command:
            told[BLOCK] = trade(shell, block := command)
            continue
        if command.startswith(LISTENS):
            shell(f"{command} < <(sleep 120) > stream 2>&1 &")
            shell("until grep -q Connected stream; do sleep 0.1; done")
            trade(shell, block)
            shell("""until grep -q '"e":"trade"' stream; do sleep 0.1; done; kill %1""")
            continue
        line = " ".join(FILLED_IN.get(word, word) for word in command.split(" "))
        for name, end in ENDLESS.items():
            line += f" {end}" if command.startswith(name) else ""
        told[command] = shell(line)
    return told


def trade(shell: Shell, block: str) -> str:
    """Let two orders cross; the simulated traders may be quicker than the second one, so ask again then."""
    told = ""
    for _ in range(5):
        told = shell(block)
        if '"status":"FILLED"' in told:
            break
    answers = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    shell(f"ORDER_ID={answers[-1]['orderId']}")
    return told
