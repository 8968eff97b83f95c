"""The benchmark flow is a format: the same arguments must give the same bytes for ever."""

import hashlib
import json
import pathlib

import pytest

from benchmarks import order_flow

STANDARD = {
    (1, 20240607): "4b2d1037c1e65d167e77d5d141c9e413c079f257781142a741a2d0f91685b58a",
    (100, 20240608): "87f2a51b888a655a599d456515fd24ccba6d693c8206820434efb61a1edf245c",
}
SMALL = {
    (1, 7): (
        "74864f218fbd03315f6fb7efaf48c0cc615a9b439534e46151a79b7f4535699d",
        "9761db9d4719aba8",
    ),
    (5, 11): (
        "1599aef17ffe3125e8c9bab5336b10fe05efab62ba465f581d8ea950d3bd22ff",
        "ad969c3057630561",
    ),
}


@pytest.mark.parametrize(("instruments", "seed"), SMALL)
def test_the_same_arguments_give_the_same_bytes(instruments: int, seed: int) -> None:
    records, summary = order_flow.build(instruments, seed, 3000)
    digest = hashlib.sha256(records).hexdigest()
    assert (digest, summary.checksum) == SMALL[instruments, seed]


@pytest.mark.slow
@pytest.mark.parametrize(("instruments", "seed"), STANDARD)
def test_standard_flows_are_the_published_ones(instruments: int, seed: int) -> None:
    records, summary = order_flow.build(instruments, seed)
    assert hashlib.sha256(records).hexdigest() == STANDARD[instruments, seed]
    assert vars(summary) == order_flow.expected(instruments, seed)


def test_generated_flow_is_read_back_from_the_cache(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = order_flow.generate(2, 3, 200)
    (cached,) = tmp_path.rglob("*.flow")
    cached.write_bytes(made[:50].tobytes())
    assert order_flow.generate(2, 3, 200).tobytes() == made[:50].tobytes()


def test_ids_are_dense_over_all_instruments() -> None:
    rows = order_flow.generate(4, 5, 2000)
    entered = [int(row["newid"] or row["oid"]) for row in rows if row["type"] in (1, 2, 5)]
    assert entered == list(range(1, len(entered) + 1))


def test_a_wrong_command_line_says_how_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert order_flow.main(["out.bin"]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_flow_is_written_with_its_summary(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.bin"
    assert order_flow.main([str(out), "1", "7", "3000"]) == 0
    assert hashlib.sha256(out.read_bytes()).hexdigest() == SMALL[1, 7][0]
    assert json.loads(capsys.readouterr().out)["checksum"] == SMALL[1, 7][1]
