"""The house rules that a linter does not know: sizes, names, nothing unfinished, nothing of one machine."""

import ast
import dataclasses
import functools
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from conf import settings

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}
# Written in two pieces, so that this file does not hold what it forbids.
UNFINISHED = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X:", "NotImplemented" + "Error"])
)
OF_ONE_MACHINE = re.compile(r"(?<![\w.~])/(?:work|home|root|Users|farm)/(?!\.)[\w.-]+")


def tracked(*patterns: str) -> list[Path]:
    """The project's files: those in git, and new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in sorted(found.stdout.splitlines()) if (path := ROOT / name).is_file()]


DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHON = tracked("*.py")
TEXTS = [
    path
    for path in tracked()
    if path.suffix in {".py", ".md", ".toml", ".sql", ".html", ".js", ".css", ".yml", ""}
]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_files_to_look_at():
    assert len(PYTHON) > 50
    assert ROOT / "README.md" in TEXTS


def test_no_two_files_of_tests_have_one_name() -> None:
    # The folders of tests are no packages: pytest would import one of the two under both names.
    names = [path.name for path in PYTHON if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("mark", ["system", "clients", "browser"])
def test_tests_that_stand_apart_lie_in_the_folder_that_make_gives_to_pytest(mark: str) -> None:
    tests = [path for path in PYTHON if path.name.startswith("test_")]
    marked = {name_of(path) for path in tests if f"pytest.mark.{mark}" in path.read_text()}
    folder = ROOT / "tests" / mark
    assert marked == {name_of(path) for path in tests if path.is_relative_to(folder)}


def test_no_file_is_longer_than_400_lines():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines():
    lengths = {
        f"{name_of(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in PYTHON
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_a_file_is_named_after_what_it_holds():
    assert [name_of(path) for path in PYTHON if {path.stem, path.parent.name} & BANNED_NAMES] == []


def test_nothing_is_left_unfinished():
    assert marks(UNFINISHED) == {}


def test_nothing_names_a_path_of_one_machine():
    assert marks(OF_ONE_MACHINE) == {}


def marks(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """The files in which the pattern occurs, with what was found."""
    found = {name_of(path): pattern.findall(path.read_text()) for path in TEXTS}
    return {name: hits for name, hits in found.items() if hits}


@pytest.mark.parametrize(
    "section", ["rest", "ws", "redis", "journal", "core", "database", "supervision"]
)
def test_every_setting_says_why_and_where_its_limits_are(section):
    model = type(getattr(settings.Settings(data_dir=Path("data")), section))
    for one in dataclasses.fields(model):
        about = one.metadata
        assert len(about["why"]) > 5, one.name
        if isinstance(one.default, int | float):
            assert about["low"] <= one.default <= about["high"], one.name
        if one.name.endswith(("_s", "_ms", "_bytes")):
            assert about["unit"] == one.name.rpartition("_")[2], one.name


def imported(path: Path) -> set[str]:
    """The top-level names of everything that a file imports."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


def test_supervisor_py_imports_no_library_that_belongs_to_one_process():
    # import-linter looks at packages only; the command line's entry is a single file.
    forbidden = {"zmq", "falcon", "psycopg", "numba", "matcher", "ingress", "writer", "broadcaster"}
    assert imported(ROOT / "supervisor.py") & forbidden == set()


@pytest.mark.parametrize(
    ("of", "declared"),
    [
        ("the exchange", DECLARED["dependencies"]),
        ("the tests", [*DECLARED["dependencies"], *DECLARED["optional-dependencies"]["test"]]),
    ],
)
def test_every_library_that_is_imported_is_declared(of, declared):
    # Programs of real clients run in virtual environments of their own.
    here = [path for path in PYTHON if ROOT / "tests" / "clients" / "programs" not in path.parents]
    files = [path for path in here if (ROOT / "tests" in path.parents) == (of == "the tests")]
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.name for path in ROOT.iterdir()}
    names = {name for path in files for name in imported(path)} - ours - sys.stdlib_module_names
    asked = {re.split(r"[\[<>=]", one)[0] for one in declared}
    carriers = packages_distributions()
    assert {name for name in names if not asked & set(carriers.get(name, []))} == set()
