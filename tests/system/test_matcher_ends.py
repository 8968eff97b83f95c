"""What readers see of a matcher that died, while the next one comes and when none can come."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from protocol.board import READY
from runtime.service import BAD_CONFIGURATION
from runtime.shared import NotPublished
from tests.matcher_house import ROOT, House, house

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def home() -> Iterator[House]:
    with house() as found:
        yield found


def test_what_died_is_shown_no_more_once_it_is_known_that_nobody_comes_after_it(
    home: House,
) -> None:
    listings = home.listings.read_text()
    home.start()
    # One that may not work beside it takes nothing back.
    beside = home.environ | {"OPENBOURSE_CORE_ORDERS": "8192"}
    argv = [sys.executable, "-m", "matcher", "matcher", "spare"]
    refused = subprocess.run(
        argv, env=beside, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert refused.returncode == BAD_CONFIGURATION
    assert home.board.status()["ready"] == READY
    home.kill()
    # Until it is known better, orders wait for the next one.
    assert home.board.status()["ready"] == READY
    home.listings.write_text("no table")
    home.start(wait=False)
    assert home.wait() == BAD_CONFIGURATION
    with pytest.raises(NotPublished):
        home.board.status()
    home.listings.write_text(listings)
    home.start()
    assert home.board.status()["ready"] == READY
    # The journal is its own when it finds what it cannot go on with.
    home.kill()
    home.start(wait=False, OPENBOURSE_CORE_ORDERS="8192")
    assert home.wait() == BAD_CONFIGURATION
    with pytest.raises(NotPublished):
        home.board.status()
