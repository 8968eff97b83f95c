"""Books that clients keep from the streams are the exchange's, under load and with kills: `make books`, for a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.book_run import ENVIRON, Run
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
SECONDS = 25


@pytest.fixture
def pair_of_broadcasters(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data", "--no-demo", **ENVIRON)
    try:
        one.start()
        yield one
    finally:
        one.wipe()


def test_books_and_queues_of_clients_are_right_at_every_look(
    pair_of_broadcasters: Exchange,
) -> None:
    run = Run(pair_of_broadcasters, seed=1)
    run.go_on(SECONDS)
    told = run.report()
    assert told["checks"] >= 1
    assert told["kills"] >= told["checks"]
    assert told["requests"] > 100
