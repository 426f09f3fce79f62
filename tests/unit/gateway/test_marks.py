"""Cursors of lists: what was written is read again, and nothing else is."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Invalid
from libs.contracts.operators import TicketMark
from libs.contracts.session import Mark
from services.gateway.domain.marks import (
    CURSOR_CHARACTERS,
    read_session_cursor,
    read_ticket_cursor,
    session_cursor,
    ticket_cursor,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SESSION, TICKET = "sess_01M7WFKX817W324VZC06MW7WMX", "tick_01M7WFKX817W324VZC06MW7WMY"
TIMES = st.integers(0, 253_402_300_799_999_999).map(lambda count: EPOCH + timedelta(microseconds=count))


def refused(read, cursor):
    with pytest.raises(Invalid) as caught:
        read(cursor)
    assert (caught.value.code, caught.value.errors[0].loc) == ("invalid_cursor", ["query", "cursor"])


@given(TIMES)
def test_a_place_is_read_again_to_the_microsecond(time):
    cursor = session_cursor(time, SESSION)
    assert len(cursor) <= CURSOR_CHARACTERS
    assert read_session_cursor(cursor) == Mark(time, SESSION)
    for priority in ("urgent", "low"):
        cursor = ticket_cursor(priority, time, TICKET)
        assert len(cursor) <= CURSOR_CHARACTERS
        assert read_ticket_cursor(cursor) == TicketMark(priority, time, TICKET)


def test_none_is_none():
    assert (read_session_cursor(None), read_ticket_cursor(None)) == (None, None)


def test_a_cursor_is_good_for_its_own_list_only():
    time = datetime(2026, 5, 4, tzinfo=UTC)
    refused(read_session_cursor, ticket_cursor("high", time, TICKET))
    refused(read_ticket_cursor, session_cursor(time, SESSION))


def written(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("cursor", [
    "", "x", "=", "ä", "a" * 5000, written(f"1::{SESSION}") + "=", written(f"1::{SESSION}x"), written(f"01::{SESSION}"),
    written(f"-1::{SESSION}"), written(f"999999999999999999::{SESSION}"), written(f"1:high:{SESSION}"),
    written(f"1::{TICKET}"), written(f"１::{SESSION}"), session_cursor(datetime(2026, 5, 4, tzinfo=UTC), SESSION)[:-1],
])  # fmt: skip
def test_what_is_none_of_ours_is_refused(cursor):
    refused(read_session_cursor, cursor)


@pytest.mark.parametrize("text", [f"1::{TICKET}", f"1:asap:{TICKET}", f"1:high:{SESSION}", "1:high:", "1:high:tick_1"])
def test_what_is_no_ticket_s_place_is_refused(text):
    refused(read_ticket_cursor, written(text))


@given(st.text(max_size=200))
def test_no_text_makes_reading_fail_in_another_way(text):
    for read in (read_session_cursor, read_ticket_cursor):
        refused(read, text)
