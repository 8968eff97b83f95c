"""A spare matcher waits with everything loaded: it has the place of a killed one, and nothing is lost."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.settings import SHIPPED
from tests.system.exchange_fixture import Exchange
from tests.system.order_flow_fixture import go_on
from tests.system.test_standby_process import ANSWER_TIMEOUT_S
from tests.system.verdict import faults_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("venue")
    one = Exchange(
        folder / "data",
        OPENBOURSE_MATCHER_SPARE="true",
        OPENBOURSE_REST_ANSWER_TIMEOUT_S=str(ANSWER_TIMEOUT_S),
        OPENBOURSE_INSTRUMENTS_FILE=str(
            shutil.copy(SHIPPED / "instruments.toml", folder / "instruments.toml")
        ),
    )
    try:
        one.start()
        yield one
    finally:
        one.wipe()


def test_the_spare_is_the_matcher_when_that_was_killed_again_and_again(
    venue, flow, record_property
):
    go_on(venue, flow, 50)
    taken = []
    for restarts in range(1, 4):
        before = venue.until_matchers("primary", "spare")
        begun = time.monotonic()
        os.kill(before["primary"], signal.SIGKILL)
        go_on(venue, flow, 3)
        taken.append(time.monotonic() - begun)
        venue.until(lambda: venue.process("matcher")["role"] == "primary", "the spare at work")
        entry = venue.process("matcher")
        assert (entry["pid"], entry["restarts"]) == (before["spare"], restarts)
        go_on(venue, flow, 30)
    record_property("seconds_to_three_orders", taken)
    # What died with the matcher was answered long before.
    assert max(taken) < ANSWER_TIMEOUT_S / 2
    flow.finish()
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []


def test_a_spare_that_dies_is_replaced_and_nobody_notices(venue, flow):
    before = venue.until_matchers("primary", "spare")
    go_on(venue, flow, 20)
    retries = flow.retries
    os.kill(before["spare"], signal.SIGKILL)
    venue.until(lambda: venue.matchers().get("spare", 0) not in (0, before["spare"]), "another", 60)
    go_on(venue, flow, 20)
    assert flow.retries == retries
    assert venue.matchers()["primary"] == before["primary"]


def test_a_matcher_that_is_killed_with_its_spare_comes_back(venue, flow):
    before = venue.until_matchers("primary", "spare")
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    go_on(venue, flow, 20)
    assert not set(venue.until_matchers("primary", "spare").values()) & set(before.values())
    flow.finish()
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []


def test_what_was_written_into_the_file_of_instruments_since_it_waits_is_seen(venue):
    before = venue.until_matchers("primary", "spare")
    path = Path(venue._environ["OPENBOURSE_INSTRUMENTS_FILE"])
    listed = path.read_text()
    like = re.search(r"\[instruments.ETHUSDT\]\n(.+\n)+", listed)
    assert like
    path.write_text(f"{listed}\n{like.group().replace('USDT', 'USD')}")
    os.kill(before["primary"], signal.SIGKILL)

    def symbols() -> set[str]:
        return {one["symbol"] for one in venue.client().public("/api/v3/exchangeInfo")["symbols"]}

    venue.until(lambda: "ETHUSD" in symbols(), "the new instrument", 60)


def test_an_orderly_stop_is_no_reason_to_take_over(venue, flow):
    venue.until_matchers("primary", "spare")
    go_on(venue, flow, 20)
    flow.finish()
    lives = venue.log.read_text().count("role=primary")
    assert venue.stop() == 0
    assert venue.log.read_text().count("role=primary") == lives
    lived = json.loads((venue.data_dir / "journal" / "stopped.json").read_text())
    assert venue.asked("journal", "digest") == {**lived, "live": False}
