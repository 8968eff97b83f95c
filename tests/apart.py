"""Plain `pytest` runs what takes under a minute: tests marked so are left to `make test`, or to who names them."""

import pytest

APART = {"system", "clients", "browser", "bench", "slow"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what stands apart when neither a path nor a mark was asked for."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.markexpr:
        return
    apart = [item for item in items if APART & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=apart)
    items[:] = [item for item in items if item not in set(apart)]
