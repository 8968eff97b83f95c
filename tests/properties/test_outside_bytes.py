"""Bytes that others wrote, into the parsers of operation: nothing escapes but the parser's own refusal."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import Refused
from commands.restore import _checked_manifest
from office import admin
from office.server import NotServed
from protocol.records import Command, Event
from runtime import audit
from runtime.endpoints import WrongFrame, rows_in
from runtime.meters import HEAD_SIZE, readings
from runtime.snapshot import DamagedSnapshot, read
from runtime.trail import TrailReader

pytestmark = pytest.mark.property
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("outside")


@given(
    head=st.binary(max_size=300) | JSON.map(lambda one: json.dumps(one).encode()),
    rest=st.binary(max_size=64),
)
def test_a_file_of_meters(folder, head, rest):
    (folder / "meters-x").write_bytes(head.ljust(HEAD_SIZE, b"\0") + rest)
    for one in readings(folder):
        assert all(isinstance(cell, int) for cell in one.cells)


@given(data=st.binary(max_size=400), number=st.integers(-(2**63), 2**63 - 1))
def test_a_trail(folder, data, number):
    (folder / "trail-x").write_bytes(data)
    assert TrailReader(folder, "x").find(number) is None


@given(
    lines=st.lists(
        st.binary(max_size=80) | JSON.map(lambda one: json.dumps(one).encode()),
        min_size=1,
        max_size=4,
    )
)
def test_an_audit_trail(folder, lines):
    (folder / audit.FILE).write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(audit.DamagedTrail):
        list(audit.entries(folder))


@given(data=st.binary(max_size=2000))
def test_a_snapshot(folder, data):
    path = folder / "000000000001.snapshot"
    path.write_bytes(data)
    with pytest.raises(DamagedSnapshot):
        read(path)


@given(text=st.binary(max_size=200) | JSON.map(lambda one: json.dumps(one).encode()))
def test_the_manifest_of_a_backup(folder, text):
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(Refused):
        _checked_manifest(folder)


@given(data=st.binary(max_size=700), head=st.sampled_from([b"", b"OBRS\x01\x00\x01\x00"]))
def test_a_frame_of_the_wires(data, head):
    for record in (Command, Event):
        try:
            rows = rows_in(record, head + data)
        except WrongFrame:
            continue
        assert len(rows)


@given(
    words=st.lists(st.text(max_size=12), min_size=1, max_size=3),
    body=st.dictionaries(st.text(max_size=8), JSON, max_size=4),
)
def test_the_words_of_the_admin_api_that_are_none(words: list[str], body: dict[str, Any]):
    with pytest.raises(NotServed):
        admin.say(["no such word", *words], body)


@given(
    word=st.text(max_size=12),
    body=st.dictionaries(st.sampled_from(["name", "deposit", "x"]), JSON, max_size=3),
)
def test_the_arguments_of_the_admin_api(word, body):
    import commands.account

    parser = admin._Parser(prog="account", allow_abbrev=False)
    commands.account.add_arguments(parser)
    for words in ([word], ["create"], ["create", word]):
        try:
            line = admin._line(parser, words, body)
            parser.parse_args(line)
        except NotServed:
            continue
        assert "--json" in line
