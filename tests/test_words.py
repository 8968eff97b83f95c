"""What the words of the command line say to input that makes no sense: one line, whatever it is, and status 1 or 2."""

import gzip
from pathlib import Path

import pytest

import supervisor

NO_TEXT = b"\x30\x82\xff\xfe"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory in which no exchange is, for the words that are said."""
    monkeypatch.setenv("OPENBOURSE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line that says why it did not happen."""
    assert supervisor.main(list(words)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("new.toml", ("instrument", "add")),
        ("key.der", ("account", "key", "create", "carol", "--type", "RSA", "--public-key")),
        ("day.flow.jsonl", ("replay",)),
    ],
)
def test_a_file_that_is_no_text_is_named(nowhere, capsys, name, words):
    file = nowhere / name
    file.write_bytes(NO_TEXT)
    line = said(capsys, *words, str(file))
    assert line.startswith(f"openbourse {words[0]}: cannot ")
    assert str(file) in line


@pytest.mark.parametrize("kept", [20, -1])
def test_a_compressed_flow_that_was_cut_short_is_named(nowhere, capsys, kept):
    file = nowhere / "day.flow.jsonl.gz"
    file.write_bytes(gzip.compress(bytes(range(256)))[:kept])
    assert str(file) in said(capsys, "replay", str(file))


@pytest.mark.parametrize("tier", ["-1", "16", "99999999999999999999"])
@pytest.mark.parametrize("words", [("fee-tier", "{}", "0", "0"), ("account", "fee-tier", "carol", "{}")])  # fmt: skip
def test_a_fee_tier_that_cannot_be_is_refused_before_anything_is_asked(
    nowhere, capsys, words, tier
):
    line = said(capsys, *(word.format(tier) for word in words))
    assert f"the tier is {tier}; 0 to 15 are allowed" in line


def test_a_negative_limit_is_refused(nowhere, capsys):
    assert "--limit is -5" in said(capsys, "journal", "dump", "--limit", "-5")
    file = nowhere / "day.flow.jsonl"
    file.write_text("")
    assert "--limit is -5" in said(capsys, "replay", str(file), "--limit", "-5")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_market_runs_for_a_time_that_can_end(nowhere, capsys, seconds):
    with pytest.raises(SystemExit) as end:
        supervisor.main(["simulate", "--offline", f"--seconds={seconds}"])
    assert end.value.code == 2
    assert f"'{seconds}': expected a number of seconds" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("account", "list", "--data-dir", "DIR"),
        ("account", "--data-dir", "DIR", "list"),
        ("--data-dir", "DIR", "account", "list"),
        ("account", "list", "--data-dir=DIR"),
        ("account", "key", "list", "--data-dir", "DIR", "--json", "carol"),
        ("halt", "BTCUSDT", "--data-dir", "DIR"),
    ],
)
def test_the_data_directory_may_be_said_anywhere(nowhere, capsys, words):
    place = nowhere / "elsewhere"
    place.mkdir()
    supervisor.main([word.replace("DIR", str(place)) for word in words])
    assert f"the exchange on {place} is not running" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("account", "list", "--data-dir"), ("--data-dir",), ("--config", "x")]
)
def test_a_place_without_a_word_or_a_word_without_its_place_is_refused(capsys, words):
    with pytest.raises(SystemExit) as refused:
        supervisor.main(list(words))
    assert refused.value.code == 2
    assert "openbourse" in capsys.readouterr().err
