"""The files of conf/deploy, held to the settings and commands that they name."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import supervisor
from conf.settings import load

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "conf" / "deploy"
UNITS = ("openbourse.service", "openbourse@.service", "openbourse.target")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with programs that exist on this machine, and a name for the template."""
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        text = re.sub(r"/opt/openbourse/\.venv/bin/\w+", sys.executable, text)
        text = text.replace("file:///opt/openbourse", f"file://{ROOT}")
        (tmp_path / name.replace("@.", "@matcher.")).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units):
    paths = [str(units / name.replace("@.", "@matcher.")) for name in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "openbourse" in line]
    assert (told, done.returncode) == ([], 0)


@needs_systemd
@pytest.mark.parametrize("name", ["openbourse.service", "openbourse@matcher.service"])
def test_the_units_are_closed_to_what_they_do_not_need(units, name):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(units / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd-analyze cannot judge a unit that is not installed")
    # 10 is an open door, 0 none; the network and its own users' files are needed.
    assert float(found.group(1)) < 2.5


def test_the_units_start_the_exchange_by_words_that_exist():
    [line] = re.findall(r"^ExecStart=\S+/openbourse (.*)$", (DEPLOY / UNITS[0]).read_text(), re.MULTILINE)  # fmt: skip
    args = supervisor._parser(line.split()).parse_args(line.split())
    assert args.run is supervisor.up
    target = (DEPLOY / "openbourse.target").read_text()
    for module in re.findall(r"openbourse@([\w.]+)\.service", target):
        place = ROOT / module.replace(".", "/")
        assert (place / "__main__.py").exists() or place.with_suffix(".py").exists(), module


def settings_named(text: str) -> dict[str, str]:
    return dict(re.findall(r"\b(OPENBOURSE_(?!CONFIG|DB_)\w+)[=:] *\"?([^\s\"\\]+)", text))


@pytest.mark.parametrize("name", ["Containerfile", "compose.yml", "openbourse@.service"])
def test_every_setting_that_is_named_is_one(name):
    named = settings_named((DEPLOY / name).read_text())
    assert named
    settings = load(named)
    for variable, value in named.items():
        section, _, field = variable.removeprefix("OPENBOURSE_").lower().partition("_")
        found = getattr(settings, f"{section}_{field}", None) or getattr(
            getattr(settings, section), field
        )
        assert str(found) == value


def test_compose_has_the_database_and_the_bus_and_opens_nothing_beyond_this_machine():
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    assert set(services) == {"exchange", "postgres", "redis"}
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    exchange = services["exchange"]
    assert (DEPLOY / exchange["build"]["context"] / exchange["build"]["dockerfile"]).exists()
    assert set(exchange["depends_on"]) == {"postgres", "redis"}
    assert exchange["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in services["postgres"]


def test_prometheus_is_sent_to_the_office():
    told = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    office = load({}).office
    assert told["scrape_configs"][0]["static_configs"][0]["targets"] == [
        f"{office.host}:{office.port}"
    ]
