"""Fixtures for every test: the floor of a fresh exchange, once on each engine."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.floor import Floor


@pytest.fixture(params=["reference", "core"])
def exchange(request: pytest.FixtureRequest) -> "Floor":
    """The trading floor of an exchange that just opened, in continuous trading."""
    # Most tests need no exchange, and the compiled one takes a while to import.
    from tests.engines import ENGINES, SMALL
    from tests.floor import Floor

    return Floor(ENGINES[request.param](SMALL))
