"""Conformance vectors: every one passes on both engines, and a wrong one is found out."""

import argparse
import copy
import json
import re
from pathlib import Path

import pytest

from commands import Refused, vectors
from tests.engines import ENGINES, FOR_VECTORS
from tests.vector_player import foreign_rules, play_vector, read_vectors

FOLDER = Path(__file__).parent / "vectors"
VECTORS = {vector["id"]: vector for vector in read_vectors(FOLDER)}
INDEX = json.loads((FOLDER / "INDEX.json").read_text())


def differences(vector, engine="reference"):
    return play_vector(vector, lambda: ENGINES[engine](FOR_VECTORS))


def arguments(*words):
    parser = argparse.ArgumentParser()
    vectors.add_arguments(parser)
    return parser.parse_args(words)


def test_every_vector_of_the_index_is_there():
    assert sorted(VECTORS) == sorted(entry["id"] for entry in INDEX)


def test_no_vector_rests_on_a_rule_that_is_none_of_ours():
    assert not [name for name, vector in VECTORS.items() if foreign_rules(vector)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", VECTORS)
def test_vector(engine, name):
    assert differences(VECTORS[name], engine) == []


UNCROSSES = [
    (name, place, rule)
    for name, vector in VECTORS.items()
    for place, step in enumerate(vector["steps"])
    if step["op"] == "uncross"
    for rule in step["expect"].get("price_by_algo", ())
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "place", "rule"), UNCROSSES)
def test_the_price_that_another_rule_set_would_give(engine, name, place, rule):  # rule A-3
    vector = copy.deepcopy(VECTORS[name])
    del vector["steps"][place + 1 :]
    step = vector["steps"][place]
    step["algo"] = rule
    step["expect"]["price"] = step["expect"]["price_by_algo"][rule]
    assert not [text for text in differences(vector, engine) if " price should be " in text]


def spoilt(name, spoil):
    vector = copy.deepcopy(VECTORS[name])
    spoil(vector)
    return vector


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        ("PT02", lambda v: v["final_book"]["bids"].append(["1", "1"]), "bids should be"),
        (
            "PT06",
            lambda v: v["steps"][-1]["expect"]["fills"][0].update(qty="77"),
            "fills should be",
        ),
        (
            "SP07",
            lambda v: v["final_orders"]["m"].update(prevented="1"),
            "m prevented should be 1, is 2",
        ),
        (
            "SP07",
            lambda v: v["final_orders"]["m"].update(status="FILLED", status_ok=["FILLED"]),
            "m should be ['FILLED'], is NEW",
        ),
        (
            "AU17",
            lambda v: v["steps"][-1]["expect"].update(price="24.00"),
            "price should be 2400, is 2395",
        ),
        (
            "AU17",
            lambda v: v["steps"][-1]["expect"]["filled_by_order"].update(A="100"),
            "filled_by_order should be",
        ),
        (
            "CR12",
            lambda v: v["steps"][-1]["expect"].update(status="NEW", status_ok=["NEW"]),
            "status should be NEW, is REJECTED",
        ),
        (
            "IC14",
            lambda v: v["final_book_total_qty"].update(asks=[["1", "1"]]),
            "asks with hidden quantity should be",
        ),
    ],
)
def test_a_wrong_expectation_is_found_out(name, spoil, complaint):
    found = differences(spoilt(name, spoil))
    assert any(complaint in difference for difference in found), found


def test_a_vector_that_assumes_another_rule_says_which():
    def assume(vector):
        vector["level"] = "policy"
        vector["assumes"].append("market_residual_rests")

    assert foreign_rules(spoilt("PT02", assume)) == "assumes market_residual_rests"


def test_a_vector_of_level_core_rests_on_no_choice():
    assert foreign_rules(spoilt("PT02", lambda v: v["assumes"].append("anything"))) == ""


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        ("PT02", lambda v: v["steps"][0].update(op="wait"), "a step that is not known: wait"),
        ("PT02", lambda v: v["steps"][0].update(type="PEGGED"), "step 1 .*: KeyError 'PEGGED'"),
        (
            "PT02",
            lambda v: v["steps"][0].update(qty="x"),
            "before the first step: cannot be played",
        ),
        ("AU17", lambda v: v["steps"][0].update(phase="NOON"), "phase 'NOON'; AUCTION is the only"),
    ],
)
def test_what_cannot_be_played_is_no_pass(name, spoil, complaint):
    (found,) = differences(spoilt(name, spoil))
    assert re.search(complaint, found), found


def test_what_a_vector_does_not_say_is_not_compared():
    def leave_out(vector):
        for step in vector["steps"]:
            del step["expect"]
        for name in ("final_orders", "final_book", "note", "compare", "initial_last_price"):
            vector.pop(name, None)

    for name in ("PT02", "AM03", "AM13", "AU17", "OC01"):
        assert differences(spoilt(name, leave_out)) == []


def test_the_command_counts_and_tells_failures_and_skips(tmp_path, capsys):
    def assume(vector):
        vector["level"] = "policy"
        vector["assumes"].append("market_residual_rests")
        vector["final_book"]["bids"].append(["1", "1"])

    skipped = spoilt("PT02", assume)
    wrong = spoilt("SP07", lambda v: v["final_orders"]["m"].update(prevented="1"))
    for number, vector in enumerate((VECTORS["PT02"], skipped, wrong)):
        (tmp_path / f"{number}.json").write_text(json.dumps(vector))
    assert vectors.run(arguments(str(tmp_path), "--json")) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["passed"], last["failed"], last["skipped"]) == (1, 1, 1)
    assert len(last["failures"]) == len(ENGINES)
    for engine, text in zip(ENGINES, last["failures"], strict=True):
        assert f": {engine}: at the end: m prevented should be 1, is 2" in text
    assert last["skips"][0].endswith("assumes market_residual_rests")


def test_the_command_succeeds_when_nothing_failed(tmp_path, capsys):
    (tmp_path / "0.json").write_text(json.dumps(VECTORS["PT02"]))
    assert vectors.run(arguments(str(tmp_path))) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed, 0 skipped of 1 vectors\n"


def test_a_folder_without_vectors_is_refused_in_words(tmp_path):
    with pytest.raises(Refused, match="name the folder"):
        vectors.run(arguments(str(tmp_path)))


def test_an_installed_program_says_that_it_needs_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "_CHECKOUT", tmp_path)
    with pytest.raises(Refused, match="from a checkout"):
        vectors.run(arguments(str(FOLDER)))
