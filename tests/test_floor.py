"""The floor's player finds out a wrong answer and says where."""

import pytest

from tests.floor import play
from tests.floor_turns import NotUnderstood, cents


def test_a_wrong_answer_names_its_line_and_both_sides(exchange):
    with pytest.raises(AssertionError) as found:
        play(
            exchange,
            """
            alice sells 30 @ 10.05

            bob   buys  50 @ 10.05 ioc   -> accepted; bought 30 @ 10.05 from carol; expired 20
            """,
        )
    assert str(found.value).splitlines()[:3] == [
        "line 3: 'bob buys 50 @ 10.05 ioc'",
        "  expected ['accepted', 'bought 30 @ 10.05 from carol', 'expired 20']",
        "  heard    ['accepted', 'bought 30 @ 10.05 from alice', 'expired 20']",
    ]


def test_silence_is_not_an_answer(exchange):
    with pytest.raises(AssertionError, match="heard"):
        play(exchange, "alice sells 30 @ 10.05 -> nothing")


def test_a_line_without_an_arrow_must_be_accepted(exchange):
    with pytest.raises(AssertionError, match="rejected price filter"):
        play(exchange, "alice sells 30 @ 9999.00")


@pytest.mark.parametrize("said", ["alice shouts", "alice buys 30 @ 10.05 maybe", "alice buys"])
def test_nobody_understands_nonsense(exchange, said):
    with pytest.raises(NotUnderstood):
        play(exchange, said)


def test_what_follows_a_hash_is_for_the_reader(exchange):
    play(
        exchange,
        """
        # Nothing is said here.
        alice sells 30 @ 10.05   # best offer
        book -> 30 offered @ 10.05   # -> nobody reads this
        """,
    )


def test_prices_are_read_in_cents():
    assert [cents(text) for text in ("10", "10.5", "10.05", "0.01")] == [1_000, 1_050, 1_005, 1]
