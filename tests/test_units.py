"""Decimal text and whole numbers: nothing is rounded, whatever does not fit is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import rows_from, rows_of
from protocol.records import Command
from protocol.units import MAX_I64, NotDecimal, Overflow, TooPrecise, to_text, to_units


@given(units=st.integers(0, MAX_I64), decimals=st.integers(0, 18), more=st.integers(0, 3))
def test_what_is_written_is_read_back(units, decimals, more):
    assert to_units(to_text(units, decimals), decimals) == units
    # Text of at most twenty places is read.
    places = min(20, decimals + more)
    assert to_units(to_text(units, decimals, places), decimals) == units
    assert to_text(-units, decimals) == ("-" if units else "") + to_text(units, decimals)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("0", 0, 0),
        ("1.25", 2, 125),
        ("1.2500", 2, 125),
        ("007", 1, 70),
        ("0.00000001", 8, 1),
        ("9223372036854775807", 0, MAX_I64),
        ("9223372036854775808", 0, Overflow),
        ("9.223372036854775808", 18, Overflow),
        ("99999999999999999999", 18, Overflow),
        ("1.251", 2, TooPrecise),
        ("0.1", 0, TooPrecise),
        ("", 2, NotDecimal),
        (".5", 2, NotDecimal),
        ("1.", 2, NotDecimal),
        ("-1", 2, NotDecimal),
        ("+1", 2, NotDecimal),
        ("1e3", 2, NotDecimal),
        ("NaN", 2, NotDecimal),
        (" 1", 2, NotDecimal),
        ("1\n", 2, NotDecimal),
        ("١", 2, NotDecimal),
        ("1" * 21, 2, NotDecimal),
    ],
)
def test_text_is_read_exactly_or_refused(text, decimals, units):
    if isinstance(units, int):
        assert to_units(text, decimals) == units
    else:
        with pytest.raises(units):
            to_units(text, decimals)


@pytest.mark.parametrize(
    ("units", "decimals", "places", "text"),
    [
        (5, 0, 0, "5"),
        (500, 2, 0, "5"),
        (-5, 0, 2, "-5.00"),
        (125, 2, 8, "1.25000000"),
        (5, 3, 3, "0.005"),
        (1_230, 3, 2, "1.23"),
    ],
)
def test_numbers_are_written_with_the_places_asked_for(units, decimals, places, text):
    assert to_text(units, decimals, places) == text


@pytest.mark.parametrize(("units", "decimals", "places"), [(501, 2, 0), (1_234, 3, 2)])
def test_digits_are_never_lost_in_writing(units, decimals, places):
    with pytest.raises(AssertionError, match="digits would be lost"):
        to_text(units, decimals, places)


@pytest.mark.parametrize("cut", [0, 1, 255, 257])
def test_a_frame_is_a_whole_number_of_records(cut):
    with pytest.raises(ValueError, match=f"a frame of {cut} bytes is not a whole number of 256-"):
        rows_from(Command, bytes(512)[:cut])


def test_a_frame_is_read_where_it_lies():
    rows = rows_of(Command, 2)
    rows["seq"] = 7, 8
    assert rows_from(Command, rows.tobytes())["seq"].tolist() == [7, 8]
