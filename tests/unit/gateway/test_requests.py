"""What clients may send, and who may ask."""

from datetime import UTC, datetime

import msgspec
import pytest

from libs.contracts.errors import DeskError, Invalid, Malformed, NotFound
from libs.contracts.frames import ClientCancel, ClientPing, ClientTyping
from libs.runtime.ids import mint
from services.gateway.domain import access, limits
from services.gateway.domain.client_frames import read_draft, read_frame
from services.gateway.domain.marks import session_cursor
from services.gateway.domain.operators import EscalationQuery, NewNote, check_operator, check_ticket_id
from services.gateway.domain.reading import read_as, read_json
from services.gateway.domain.requests import HistoryQuery, NewMessage, NewSession, SessionQuery
from services.gateway.settings import Settings


def refused(what, *args):
    with pytest.raises(DeskError) as caught:
        what(*args)
    return caught.value


@pytest.mark.parametrize("text", ["", " ", "undefined", "null", "NaN", "\t"])
def test_r01_what_a_faulty_client_writes_for_nothing(text):
    assert isinstance(refused(limits.check_session_id, text), Malformed)


@pytest.mark.parametrize("text", ["sess_x", "msg_01J9Z3N8Q4V5W6X7Y8Z9A0B1C2", "../etc", "sess_" + "0" * 25, "*", ">"])
def test_what_is_none_of_our_ids_is_not_found(text):
    fault = refused(limits.check_session_id, text)
    assert isinstance(fault, NotFound)
    assert "POST /api/sessions" in fault.detail


def test_an_id_of_ours_passes():
    session_id = mint("sess")
    assert limits.check_session_id(session_id) == session_id


def test_a_message_has_1_to_4000_characters_after_trimming():
    assert limits.check_content("  " + "x" * 4000 + "\n", 4000) == "x" * 4000
    for text in ("", " \n\t", "x" * 4001, "a\0b"):
        fault = refused(limits.check_content, text, 4000)
        assert (fault.status, fault.code) == (422, "invalid_message")
        assert fault.errors[0].loc == ["body", "message"]


def test_metadata_is_given_under_either_name_and_bounded():
    assert NewSession(metadata={"a": {"b": [1]}}).checked_metadata() == {"a": {"b": [1]}}
    assert NewSession(tool_metadata={"a": 1}).checked_metadata() == {"a": 1}
    assert NewSession(metadata={}, tool_metadata={"a": 1}).checked_metadata() == {}
    assert NewSession().checked_metadata() == {}
    assert refused(NewSession(metadata={"a": "x" * 16400}).checked_metadata).status == 422
    assert refused(NewSession(metadata={"a": "\0"}).checked_metadata).status == 422
    assert NewSession(metadata={"a": "\\u0000"}).checked_metadata() == {"a": "\\u0000"}


def test_json_is_bounded_in_depth():
    assert read_json(b"", 32) == {}
    assert read_json(b"[" * 32 + b"]" * 32, 32)
    for deep in (33, 100_000):
        assert refused(read_json, b"[" * deep + b"]" * deep, 32).code == "json_too_deep"
    for broken in (b"{", b"\xff", b'"\\ud800"', b"NaN"):
        assert refused(read_json, broken, 32).code == "invalid_json"


def test_a_wrong_type_names_its_field():
    fault = refused(read_as, NewMessage, {"message": 5})
    assert isinstance(fault, Invalid)
    assert fault.errors == [type(fault.errors[0])(["body", "message"], "must be str, not int")]
    assert refused(read_as, NewMessage, {}).errors[0].loc == ["body", "message"]
    assert refused(read_as, NewMessage, []).errors[0].loc == ["body"]
    assert refused(read_as, NewSession, {"metadata": 3}).errors[0].loc == ["body", "metadata"]


def test_queries_are_numbers_as_text_within_bounds():
    assert read_as(SessionQuery, {"limit": "5", "user_id": "7"}, lax=True) == SessionQuery(limit=5, user_id="7")
    for query in (
        {"limit": "0"},
        {"limit": "101"},
        {"offset": "-1"},
        {"offset": "9" * 30},
        {"status": "x"},
        {"limit": "a"},
    ):
        with pytest.raises(Invalid) as caught:
            read_as(SessionQuery, query, where="query", lax=True)
        assert caught.value.errors[0].loc == ["query", next(iter(query))]
    assert read_as(HistoryQuery, {"after_seq": "3", "limit": "200"}, lax=True).after_seq == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"", "invalid_json"),
        (b'{"type":"message","content":"a","x":' + b"[" * 20000 + b"]" * 20000 + b"}", "invalid_json"),
        (b"[]", "invalid_frame"),
        (b"3", "invalid_frame"),
        (b"{}", "invalid_frame"),
        (b'{"type":4}', "invalid_frame"),
        (b'{"type":"dance"}', "unknown_type"),
        (b'{"type":"typing","is_typing":"yes"}', "invalid_frame"),
        (b'{"type":"cancel","turn_id":4}', "invalid_frame"),
        (b'{"type":"feedback"}', "invalid_frame"),
        (b'{"type":"message"}', "invalid_frame"),
        (b'{"type":"message","content":4}', "invalid_frame"),
        (b'{"type":"message","content":"a","attachments":[{}]}', "invalid_attachment"),
        (b'{"type":"message","content":"a","attachments":"/etc/passwd"}', "invalid_attachment"),
    ],
)
def test_r19_frames_that_are_none(data, code):
    assert refused(read_frame, data).code == code


def test_a_frame_of_a_wrong_field_type_names_the_field():
    assert "content" in refused(read_frame, b'{"type":"message","content":4}').detail
    assert "client_message_id" in refused(read_frame, b'{"type":"message","content":"a","client_message_id":1}').detail


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content": " "}, "invalid_message"),
        ({"content": "x" * 4001}, "invalid_message"),
        ({"content": "a", "client_message_id": "x" * 129}, "invalid_message"),
        ({"content": "a", "attachments": ["att_1"]}, "invalid_attachment"),
        ({"content": "a", "attachment_ids": ["att_1"]}, "invalid_attachment"),
    ],
)
def test_messages_that_cannot_be_posted(fields, code):
    frame = read_frame(msgspec.json.encode({"type": "message", **fields}))
    assert refused(read_draft, frame, limits.Limits()).code == code


def test_frames_that_stop_an_answer_or_tell_of_typing():
    assert read_frame(b'{"type":"cancel"}') == ClientCancel(turn_id=None)
    assert read_frame(b'{"type":"cancel","turn_id":"turn_1"}') == ClientCancel(turn_id="turn_1")
    assert read_frame(b'{"type":"typing","isTyping":false}') == ClientTyping(camel_is_typing=False)


def test_unknown_fields_of_a_frame_are_ignored():
    assert read_frame(b'{"type":"ping","id":"a","more":{}}') == ClientPing(id="a")


def test_origins_are_compared_whole():
    listed = ["https://shop.example"]
    assert access.may_connect(None, "desk.example", listed)
    assert access.may_connect("https://shop.example", "desk.example", listed)
    assert access.may_connect("https://desk.example", "desk.example", listed)
    for origin in (
        "https://shop.example.evil",
        "https://evil-shop.example",
        "null",
        "",
        "https://[",
        "https://desk.example:8",
    ):
        assert not access.may_connect(origin, "desk.example", listed)


def test_administrators_have_the_token_or_sit_at_this_machine():
    assert access.may_administer(None, None, "127.0.0.1", forwarded=False)
    assert access.may_administer(None, None, "::ffff:127.0.0.1", forwarded=False)
    assert not access.may_administer(None, None, "127.0.0.1", forwarded=True)
    assert not access.may_administer(None, None, "10.0.0.1", forwarded=False)
    assert access.may_administer("s3cret", "s3cret", "10.0.0.1", forwarded=True)
    for given in (None, "", "s3cre", "S3cret", "é"):
        assert not access.may_administer("s3cret", given, "127.0.0.1", forwarded=False)


def test_an_operator_s_name_has_1_to_80_printable_characters():
    assert check_operator(None) == "operator"
    assert check_operator(" Änn Lee ") == "Änn Lee"
    assert check_operator("x" * 80) == "x" * 80
    for name in ("", "  ", "x" * 81, "a\nb", "a\0", "a\u202eb"):
        fault = refused(check_operator, name)
        assert (fault.status, fault.code, fault.errors[0].loc) == (422, "invalid_request", ["body", "operator"])


def test_a_note_has_1_to_4000_characters_under_either_name():
    assert NewNote(note=" " + "x" * 4000).checked() == "x" * 4000
    assert NewNote(content="a\n# b").checked() == "a\n# b"
    assert NewNote(note="a", content="b").checked() == "a"
    assert refused(NewNote().checked).code == "invalid_request"
    for note in ("", " \n", "x" * 4001, "a\0b"):
        assert refused(NewNote(note=note).checked).code == "invalid_note"


def test_ids_of_tickets_and_turns_are_told_by_their_form():
    for prefix, check in (("tick", check_ticket_id), ("turn", limits.check_turn_id)):
        assert check(own := mint(prefix)) == own
        for text in ("x", mint("sess"), "*", ">", "a.b", f"{prefix}_1"):
            fault = refused(check, text)
            assert (fault.status, fault.code) == (404, {"tick": "ticket_not_found", "turn": "turn_not_found"}[prefix])
    assert (limits.check_turn_id(None), limits.check_turn_id(" ")) == (None, None)
    assert refused(check_ticket_id, "").code == "ticket_not_found"


def test_the_queue_s_query():
    asked = read_as(EscalationQuery, {"status": "open", "claimed": "false", "limit": "100"}, lax=True)
    assert asked == EscalationQuery(status="open", claimed=False, limit=100)
    for query in ({"limit": "0"}, {"limit": "101"}, {"claimed": "maybe"}, {"status": "active"}):
        with pytest.raises(Invalid):
            read_as(EscalationQuery, query, where="query", lax=True)


def test_a_cursor_and_an_offset_exclude_each_other():
    cursor = session_cursor(datetime(2026, 5, 4, tzinfo=UTC), own := mint("sess"))
    assert SessionQuery(cursor=cursor, offset=0).checked_mark().id == own
    assert SessionQuery(offset=5).checked_mark() is None
    assert refused(SessionQuery(cursor=cursor, offset=1).checked_mark).code == "invalid_request"
    assert refused(SessionQuery(cursor="x").checked_mark).code == "invalid_cursor"


@pytest.mark.parametrize(("prefer", "wanted"), [
    ([], False), (["respond-async"], True), (["wait=10, Respond-Async"], True), (["wait=10", "respond-async;x=1"], True),
    (["respond-asynchronously"], False), (["x-respond-async"], False), (["return=minimal"], False), ([""], False),
])  # fmt: skip
def test_whether_a_client_would_rather_not_wait(prefer, wanted):
    assert access.prefers_async(prefer) is wanted


def test_request_ids_are_short_visible_ascii():
    assert access.is_request_id("a" * 128)
    for text in ("", "a" * 129, "a b", "é", "a\n"):
        assert not access.is_request_id(text)


def test_unsafe_settings_say_what_to_set():
    assert Settings().unsafe is None
    assert Settings(host="0.0.0.0").unsafe is None
    assert Settings(host="0.0.0.0", environment="production", admin_token="x").unsafe is None
    assert Settings(environment="production").unsafe is None
    assert "DESKBUS_ADMIN_TOKEN" in str(Settings(host="0.0.0.0", environment="production").unsafe)
    assert "DESKBUS_CORS_ORIGINS" in str(Settings(cors_origins=["*"]).unsafe)
