"""When the writer rests: only while more comes than it has written, and never when it has fallen behind."""

import pytest

from writer.pace import REST_LIMIT_S, Pace


@pytest.mark.parametrize(
    ("took_s", "events", "more", "rests"),
    [
        (0.004, 30, True, [0.012]),
        (0.004, 30, False, []),
        (0.4, 900, True, [REST_LIMIT_S]),
        (0.4, 1000, True, []),
    ],
    ids=["events wait", "nothing waits", "after a long write", "behind"],
)
def test_it_rests_for_three_times_as_long_as_it_wrote_while_events_wait(
    took_s: float, events: int, more: bool, rests: list[float]
) -> None:
    slept: list[float] = []
    Pace(1000, slept.append).rest(took_s, events, more=more)
    assert slept == pytest.approx(rests)
