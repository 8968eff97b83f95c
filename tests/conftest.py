"""What every test may use: the floor of a fresh exchange, once on each engine.

Generated tests have no deadline, because two cores are shared; `make fuzz` gives them more examples. All of
one run are generated from one seed, which is told and can be set: `--hypothesis-seed=N`.
"""

import secrets
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.floor import Floor

settings.register_profile("default", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=3_000)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, before Hypothesis looks for one."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = secrets.randbits(32)


def pytest_report_header(config: pytest.Config) -> str:
    """Tell the seed."""
    return f"generated tests: --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell it again where it is needed, also of a quiet run."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.line(pytest_report_header(terminalreporter.config))


@pytest.fixture(params=["reference", "core"])
def exchange(request: pytest.FixtureRequest) -> "Floor":
    """The trading floor of an exchange that just opened, in continuous trading."""
    # Most tests need no exchange, and the compiled one takes a while to import.
    from tests.engines import ENGINES, SMALL
    from tests.floor import Floor

    return Floor(ENGINES[request.param](SMALL))
