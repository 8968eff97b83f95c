"""The documents are held to the code: tables generated from it, commands that exist, rules that are tested."""

import argparse
import importlib
import re
import tomllib
from pathlib import Path

import pytest

import supervisor
from commands import WORDS
from tests.generated_tables import TABLES, written

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RULE = re.compile(r"^- \*\*([A-Z]-\d+)\*\*", re.MULTILINE)
CITED = re.compile(r"\b([A-Z]-\d+)\b")


def rules() -> list[str]:
    return RULE.findall((ROOT / "docs" / "market-model.md").read_text())


def test_the_market_model_numbers_its_rules():
    assert len(rules()) == len(set(rules())) >= 30


def test_every_rule_of_the_market_model_is_cited_by_a_test():
    files = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    cited = {rule for path in files for rule in CITED.findall(path.read_text())}
    assert [rule for rule in rules() if rule not in cited] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_the_code_says(name):
    assert written(name) == TABLES[name][1](), "run `make fix`"


def test_every_dependency_has_a_line_in_the_decisions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    decisions = (ROOT / "docs" / "decisions" / "0005-dependencies.md").read_text()
    lines = [line.split("|")[1] for line in decisions.splitlines() if line.startswith("|")]
    named = {name.strip() for line in lines for name in line.split(",")}
    assert [name for one in wanted if (name := re.split(r"[\[<>=]", one)[0]) not in named] == []


def test_no_two_decisions_have_one_number():
    numbers = [int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers)) > 0


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_between_documents_leads_somewhere(path):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_that_a_document_shows_exists(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(code_in(text))))
    assert shown - targets == set()
    words = set(re.findall(r"\bopenbourse ([a-z-]+)", "\n".join(code_in(text))))
    assert words - {*WORDS, "up", "down", "status"} == set()


@pytest.mark.parametrize("word", ["up", "down", "status", *WORDS])
def test_every_word_of_the_command_line_explains_itself(word, capsys):
    with pytest.raises(SystemExit) as ended:
        supervisor.main([word, "--help"])
    assert ended.value.code == 0
    assert "--data-dir" in capsys.readouterr().out


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_its_file(word):
    module = importlib.import_module(f"commands.{word.replace('-', '_')}")
    assert callable(module.run)
    module.add_arguments(argparse.ArgumentParser())


def code_in(text: str) -> list[str]:
    """The fenced blocks and the inline code of a document."""
    fences = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    return fences + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
