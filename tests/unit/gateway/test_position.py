"""The cursor: opaque, complete, and refused where it is none of ours."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Malformed
from services.gateway.domain.position import Position, read_cursor, session_tag

POSITIONS = st.builds(
    Position,
    ev_seq=st.integers(0, 10**15),
    turn_id=st.from_regex(r"(turn_[0-9A-Z]{26})?", fullmatch=True),
    attempt=st.integers(0, 99),
    offset=st.integers(0, 10**6),
    digest=st.integers(0, 2**32 - 1),
    announced=st.booleans(),
)


@given(POSITIONS)
def test_a_cursor_is_a_position_in_its_session(position):
    assert read_cursor(position.cursor()) == position
    mine, other = session_tag("sess_1"), session_tag("sess_2")
    assert read_cursor(position.cursor(mine), mine) == position
    for tag in ("", other):
        with pytest.raises(Malformed):
            read_cursor(position.cursor(mine), tag)


@given(st.text(max_size=300))
def test_what_is_not_ours_is_refused_and_nothing_else_happens(cursor):
    try:
        assert read_cursor(cursor).cursor() == cursor
    except Malformed as fault:
        assert fault.code == "invalid_cursor"


@pytest.mark.parametrize(
    "inner",
    ["", "1", "1:2:3", "-1::0:0:0:", "01::0:0:0:", "1::0:0:0:9:", "1:a b:0:0:0:", "x::0:0:0:", "²::0:0:0:", "1::0:0:0"],
)
def test_text_that_is_nearly_a_cursor_is_refused(inner):
    with pytest.raises(Malformed):
        read_cursor(base64.urlsafe_b64encode(inner.encode()).rstrip(b"=").decode())


def test_the_digest_tells_whether_an_answer_goes_on_from_what_was_shown():
    position = Position(1, "t", 1).extended("Hel").extended("lo")
    assert position.leads_to("t", 1, "Hello you")
    assert not position.leads_to("t", 1, "Hullo you")
    assert not position.leads_to("t", 1, "Hell")
    assert not position.leads_to("t", 2, "Hello you")
