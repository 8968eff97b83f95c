"""Every capacity of the settings reaches the core, and a journal keeps those it was begun with."""

from dataclasses import fields, replace

import pytest

from conf.capacities import Core
from matcher import capacity
from runtime.segments import segment_name
from runtime.service import BadConfiguration

NAMES = [one.name for one in fields(Core) if one.name != "batch_limit"]


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_decides_something(name):
    changed = replace(Core(), **{name: getattr(Core(), name) + 1})
    assert capacity.wanted(changed) != capacity.wanted(Core())


@pytest.mark.parametrize("name", NAMES)
def test_a_journal_keeps_the_capacities_on_which_its_events_depend(name, tmp_path):
    assert capacity.settle(tmp_path, capacity.wanted(Core())) == capacity.wanted(Core())
    (tmp_path / segment_name(1)).write_bytes(b"")
    changed = capacity.wanted(replace(Core(), **{name: getattr(Core(), name) + 1}))
    if name == "depth_levels":
        assert capacity.settle(tmp_path, changed) == changed
        return
    with pytest.raises(BadConfiguration, match=r"set it back, or begin with a new data directory"):
        capacity.settle(tmp_path, changed)
