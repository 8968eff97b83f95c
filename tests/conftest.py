"""Fixtures for every test: the floor of a fresh exchange, once on each engine."""

import pytest

from tests.engines import ENGINES, SMALL
from tests.floor import Floor


@pytest.fixture(params=ENGINES)
def exchange(request: pytest.FixtureRequest) -> Floor:
    """The trading floor of an exchange that just opened, in continuous trading."""
    return Floor(ENGINES[request.param](SMALL))
