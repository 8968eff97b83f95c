"""The market model and its tests belong together: every rule is cited by a scenario."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULE = re.compile(r"\*\*([A-Z]-\d+)\*\*")
CITED = re.compile(r"[Rr]ules? ([A-Z]-\d+)((?:(?:,| and| to) [A-Z]-\d+)*)")


def rules_cited():
    cited = set()
    for path in (ROOT / "tests" / "scenarios").glob("*.py"):
        for first, others in CITED.findall(path.read_text()):
            cited |= {first, *re.findall(r"[A-Z]-\d+", others)}
    return cited


def test_every_rule_of_the_market_model_is_cited_by_a_scenario():
    rules = set(RULE.findall((ROOT / "docs" / "market-model.md").read_text()))
    assert len(rules) > 30
    assert rules - rules_cited() == set()


def test_scenarios_cite_no_rule_that_does_not_exist():
    rules = set(RULE.findall((ROOT / "docs" / "market-model.md").read_text()))
    assert rules_cited() - rules == set()
