"""What every test may use: the floor of a fresh exchange, once on each engine.

Generated tests have no deadline, because two cores are shared; `make fuzz` gives them more examples.
"""

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.floor import Floor

settings.register_profile("default", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=3_000)
settings.load_profile("default")


@pytest.fixture(params=["reference", "core"])
def exchange(request: pytest.FixtureRequest) -> "Floor":
    """The trading floor of an exchange that just opened, in continuous trading."""
    # Most tests need no exchange, and the compiled one takes a while to import.
    from tests.engines import ENGINES, SMALL
    from tests.floor import Floor

    return Floor(ENGINES[request.param](SMALL))
