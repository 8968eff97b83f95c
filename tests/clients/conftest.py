"""A running exchange with a market that moves, for real trading programs, and the table of what they found."""

from collections.abc import Iterator

import pytest

from tests.clients.programs_run import FOUND
from tests.clients.traffic import Traffic
from tests.system.exchange_fixture import Exchange


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One running exchange for all clients, with traffic for as long as they are tried."""
    one = Exchange(tmp_path_factory.mktemp("market") / "data", OPENBOURSE_REST_WORKERS="2")
    try:
        one.start()
        traffic = Traffic(one)
        traffic.start()
        yield one
        traffic.stop()
    finally:
        one.wipe()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each client found."""
    if not FOUND:
        return
    terminalreporter.section("real clients")
    for name, rows in FOUND.items():
        good = sum(not row.failure for row in rows)
        seconds = sum(row.seconds for row in rows)
        terminalreporter.line(f"{name:<24} {good:>3} of {len(rows):<3} {seconds:6.1f} s")
        for row in rows:
            if row.failure:
                terminalreporter.line(f"    {row.case}: {row.failure}")
