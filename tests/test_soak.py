"""What the soak calls flat, and what it does not."""

import pytest

from tests.soak import Seen, complaints, table, verdict

SECONDS = 400.0
MIB = 1 << 20


def seen(*, memory: float = 0.0, files: float = 0.0, slower: float = 1.0) -> Seen:
    """A run in which these grow from the second quarter to the last."""
    one = Seen()
    for second in range(0, 400, 5):
        grown = max(0.0, (second - 150) / 200)
        one.used["matcher"].append((second, 100 * MIB + grown * memory, 40 + grown * files))
        one.used["writer"].append((second, 50 * MIB, 20 + second % 2))
        one.load.append((second, 1.5))
        one.p99.append((second, 0.004 * (slower if second > 200 else 1.0)))
    return one


def test_a_run_in_which_nothing_grows_is_well():
    assert verdict(seen(), "2026 matcher INFO ready\n", SECONDS) == []
    assert verdict(seen(memory=6 * MIB, files=2, slower=1.8), "", SECONDS) == []
    assert len(list(table(seen(), SECONDS))) == 5


@pytest.mark.parametrize(
    ("grown", "said"),
    [
        ({"memory": 12 * MIB}, "matcher: private memory grew by"),
        ({"files": 6}, "matcher: open files"),
        ({"slower": 2.5}, "p99 4.0 → 10.0 ms"),
    ],
)
def test_what_grows_is_named(grown, said):
    [found] = verdict(seen(**grown), "", SECONDS)
    assert found.startswith(said)


def test_lines_that_tell_of_something_wrong_are_found_in_either_log():
    log = (
        "2026-01-02T03:04:05.678Z matcher INFO ready errors=0\n"
        "2026-01-02T03:04:05.678Z writer ERROR crashed\n"
        "Traceback (most recent call last):\n"
        '2026-11-29 08:34:52.266 UTC postgres FATAL:  role "x" does not exist\n'
        "2026-11-29 08:34:52.266 UTC postgres LOG:  ready\n"
    )
    assert len(complaints(log)) == 3
    assert verdict(seen(), log, SECONDS)[0] == "log: 2026-01-02T03:04:05.678Z writer ERROR crashed"
