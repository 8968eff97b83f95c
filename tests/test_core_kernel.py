"""What kernel functions can do is the same compiled and interpreted, and wrong indexes are caught."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import TypingError

from matcher.core import interpreted
from matcher.core.blocks import MemoryView, Numbers, SmallNumbers, Table, TextView, blocks_of
from matcher.core.kernel import (
    INTERPRETED,
    array_address,
    array_length,
    batch_entry,
    clear_row,
    compile_entries,
    copy_text,
    entry,
    fold,
    fold_either,
    fold_text,
    has_text,
    memory_at,
    same_text,
    straight_to,
    zeros_above,
    zeros_below,
)
from matcher.core.kernel.cache import cache_directory, source_digest
from protocol.board import AssetRow, OrderRow

words = st.integers(-(1 << 63), (1 << 63) - 1)
texts = st.binary(max_size=36).map(lambda text: text.rstrip(b"\0"))


class Probe:
    """A small memory to try the kernel on."""

    asset: AssetRow
    orders: Table[OrderRow]
    found: Numbers
    small: SmallNumbers


probe_at = memory_at(Probe)


@entry
def mix(memory, one, other):
    """Write every mix of two numbers."""
    core = probe_at(memory)
    core.found[0] = fold(one, other)
    core.found[1] = fold_text(one, core.orders[0].cl_ord_id)
    core.found[2] = zeros_below(other) if other != 0 else 64
    core.found[3] = zeros_above(other) if other != 0 else 64
    core.found[4] = fold_either(one, core.orders[0].cl_ord_id, core.orders[1].cl_ord_id)
    core.small[1] = 0xFFFFFFFF
    return core.small[1] + core.small[0]


@entry
def handle_texts(memory, _one, _other):
    """Compare the texts of two orders, copy the first over a third, clear a fourth."""
    core = probe_at(memory)
    first = core.orders[0].cl_ord_id
    copy_text(core.orders[2].cl_ord_id, first)
    clear_row(core.orders[3])
    same = 1 if same_text(first, core.orders[1].cl_ord_id) else 0
    return 2 * same + (1 if has_text(first) else 0)


@entry
def widen(memory, one, _other):
    """Write a number into fields of every width and add up what is read back."""
    order = probe_at(memory).orders[0]
    order.price = one
    order.next = one & 0xFFFFFFFF
    order.instrument = one & 0xFFFF
    order.side = one & 0xFF
    return order.next - order.instrument - order.side


@batch_entry
def address_of(array, _other):
    """Return where a numpy array keeps its data."""
    return array_address(array)


@batch_entry
def length_of(array, _other):
    """Return how many rows a numpy array has."""
    return array_length(array)


@pytest.fixture(scope="module")
def probe():
    arrays = {
        "asset": np.zeros(1, AssetRow.dtype),
        "orders": np.zeros(4, OrderRow.dtype),
        "found": np.zeros(5, np.uint64),
        "small": np.zeros(2, np.uint32),
    }
    layout = blocks_of(Probe)
    table = np.array([(arrays[b.name].ctypes.data, len(arrays[b.name])) for b in layout], np.int64)
    view = MemoryView(layout, arrays)
    interpreted.register(table.ctypes.data, view)
    compile_entries()
    return SimpleNamespace(arrays=arrays, table=table, view=view, memory=table.ctypes.data)


def text_view(text):
    row = np.zeros(1, OrderRow.dtype)
    row["cl_ord_id"] = text
    return TextView(row["cl_ord_id"].view("<i8"))


@given(one=words, other=words, text=texts, second=texts)
def test_numbers_and_texts_mix_alike_compiled_and_interpreted(probe, one, other, text, second):
    probe.arrays["orders"]["cl_ord_id"][:2] = text, second
    probe.arrays["small"][0] = 7
    assert mix(probe.memory, one, other) == 0xFFFFFFFF + 7
    folded, hashed, below, above, either = probe.arrays["found"].tolist()
    assert folded == interpreted.fold(one, other)
    assert hashed == interpreted.fold_text(one, text_view(text))
    assert either == interpreted.fold_either(one, text_view(text), text_view(second))
    if not text or not second:
        assert either == interpreted.fold_text(one, text_view(text or second))
    if other:
        assert (below, above) == (interpreted.zeros_below(other), interpreted.zeros_above(other))


@given(one=texts, other=texts)
def test_texts_are_compared_copied_and_cleared_whole(probe, one, other):
    orders = probe.arrays["orders"]
    orders["cl_ord_id"][:4] = one, other, b"before", b"before"
    orders["price"][:] = 5
    expected = 2 * (one == other) + (one[:8].strip(b"\0") != b"")
    assert handle_texts(probe.memory, 0, 0) == expected
    assert orders["cl_ord_id"].tolist() == [one, other, one, b""]
    assert orders["price"].tolist() == [5, 5, 5, 0]


@given(st.integers(0, (1 << 63) - 1))
def test_a_narrow_field_is_read_as_a_whole_number(probe, number):
    low, instrument, side = number & 0xFFFFFFFF, number & 0xFFFF, number & 0xFF
    assert widen(probe.memory, number, 0) == low - instrument - side
    assert probe.arrays["orders"]["price"][0] == number


def test_where_an_array_lies_and_how_long_it_is_is_found_by_the_array_itself(probe):
    array = np.zeros((9, 2), np.int64)
    part = array[3:]
    address, length = straight_to(address_of), straight_to(length_of)
    assert address(part, array) == part.ctypes.data == array.ctypes.data + 48
    assert address(array, part) == array.ctypes.data
    assert (length(part, array), length(array, part)) == (6, 9)


def test_an_annotation_is_never_an_object():
    with pytest.raises(TypeError, match="an annotation"):
        Table()[0]
    for numbers in (Numbers(), SmallNumbers()):
        with pytest.raises(TypeError, match="an annotation"):
            numbers[0]
        with pytest.raises(TypeError, match="an annotation"):
            numbers[0] = 1


def test_an_interpreted_block_refuses_indexes_outside_and_values_that_do_not_fit(probe):
    with pytest.raises(IndexError):
        probe.view.orders[4]
    with pytest.raises(IndexError):
        probe.view.found[-1]
    with pytest.raises(IndexError):
        probe.view.found[5] = 1
    with pytest.raises(OverflowError):
        probe.view.orders[0].next = -1
    with pytest.raises(AttributeError):
        _ = probe.view.orders[0].nothing


def unknown_block(memory, _one, _other):
    return probe_at(memory).nothing


def unknown_field(memory, _one, _other):
    return probe_at(memory).orders[0].nothing


def number_in_a_row(memory, _one, _other):
    probe_at(memory).orders[0] = 1
    return 0


@pytest.mark.skipif(INTERPRETED, reason="an interpreted row refuses when it is used")
@pytest.mark.parametrize("wrong", [unknown_block, unknown_field, number_in_a_row])
def test_what_no_block_has_is_refused_when_it_is_compiled(wrong):
    entry(wrong)
    with pytest.raises(TypingError):
        compile_entries()


@pytest.mark.skipif(INTERPRETED, reason="interpreted code is its own")
def test_machine_code_is_called_past_the_dispatcher(probe):
    straight = straight_to(mix)
    assert straight(probe.memory, 1, 2) == mix(probe.memory, 1, 2)
    with pytest.raises(TypeError):
        straight_to(address_of)(np.zeros(1))


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="the interpreted core always checks")
def test_an_index_outside_its_block_raises_when_bounds_are_checked(tmp_path):
    program = (
        "import numpy as np\n"
        "from matcher.core.blocks import Numbers\n"
        "from matcher.core.kernel import compile_entries, entry, memory_at\n"
        "class Small:\n"
        "    numbers: Numbers\n"
        "small_at = memory_at(Small)\n"
        "@entry\n"
        "def take(memory, index, _other):\n"
        "    return small_at(memory).numbers[index]\n"
        "compile_entries()\n"
        "numbers = np.array([7, 8, 9], np.uint64)\n"
        "table = np.array([numbers.ctypes.data, 3], np.int64)\n"
        "assert take(table.ctypes.data, 2, 0) == 9\n"
        "for index in (3, -1):\n"
        "    try:\n"
        "        take(table.ctypes.data, index, 0)\n"
        "        raise SystemExit('not caught')\n"
        "    except IndexError:\n"
        "        pass\n"
    )
    script = tmp_path / "outside.py"
    script.write_text(program)
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "OPENBOURSE_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
    }
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_the_cache_is_named_after_the_sources(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENBOURSE_CACHE_DIR", str(tmp_path))
    plain, checked = cache_directory(checked=False), cache_directory(checked=True)
    assert plain.parent == checked.parent == tmp_path
    assert plain != checked
    assert plain.name == f"core-{source_digest(checked=False)}"


def test_a_cache_that_cannot_be_written_gives_way_to_the_temporary_directory(monkeypatch):
    monkeypatch.setenv("OPENBOURSE_CACHE_DIR", "/proc/nowhere")
    assert cache_directory(checked=False).parent.name == f"openbourse-{os.getuid()}"
