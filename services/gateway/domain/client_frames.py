"""What clients send over a WebSocket: one JSON object a frame."""

import msgspec

from libs.contracts.errors import DeskError, Malformed
from libs.contracts.frames import ClientCancel, ClientFeedback, ClientMessage, ClientPing, ClientTyping

from . import limits
from .reading import field_error, sentence
from .requests import Draft, NewFeedback, Opinion
from .uploads import check_attachment_ids

_KNOWN = {"message", "cancel", "typing", "feedback", "ping"}
KnownFrame = ClientMessage | ClientCancel | ClientTyping | ClientFeedback | ClientPing
_decoder = msgspec.json.Decoder(KnownFrame)


def read_frame(data: bytes) -> KnownFrame:
    """Read a frame.

    Raises:
        DeskError: `invalid_json`, `invalid_frame`, `unknown_type` or `invalid_attachment`.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as fault:
        raise _explain(data, fault) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Malformed("invalid_json", "The frame is not valid JSON") from fault


def read_reply(frame: ClientMessage, within: limits.Limits) -> Draft:
    """Give the message that an operator's frame asks to post; it brings no files.

    Raises:
        Invalid: `invalid_message` or `invalid_attachment`.
    """
    if frame.attachments or frame.attachment_ids:
        why = "cannot be sent by an operator"
        raise limits.invalid("attachments", why, code="invalid_attachment", where="frame")
    return read_draft(frame, within)


def read_draft(frame: ClientMessage, within: limits.Limits) -> Draft:
    """Give the message that a frame asks to post.

    Raises:
        Invalid: `invalid_message` or `invalid_attachment`.
    """
    given = [*(frame.attachments or []), *(frame.attachment_ids or [])]
    named = check_attachment_ids(given, within.files_per_message, where="frame")
    content = limits.check_content(frame.content, within.message_characters, "content")
    own_id = limits.check_token(frame.client_message_id, "client_message_id", code="invalid_message", where="frame")
    return Draft(content, own_id, named)


def read_opinion(frame: ClientFeedback) -> Opinion:
    """Give the rating that a frame asks to store.

    Raises:
        DeskError: `message_not_found`, or `invalid_request` for the comment.
    """
    feedback = NewFeedback(rating=frame.rating, comment=frame.comment).checked("frame")
    return Opinion(limits.check_message_id(frame.message_id), feedback)


def read_cancel(frame: ClientCancel) -> ClientCancel:
    """Give the wish to stop an answer, by a `turn_id` that can be one or none at all.

    Raises:
        NotFound: `turn_not_found`.
    """
    return ClientCancel(turn_id=limits.check_turn_id(frame.turn_id))


def read_typing(frame: ClientTyping) -> bool:
    """Say whether the person at the socket is writing: true where the frame does not say."""
    told = frame.is_typing if isinstance(frame.is_typing, bool) else frame.camel_is_typing
    return told if isinstance(told, bool) else True


def _explain(data: bytes, fault: msgspec.ValidationError) -> DeskError:
    """Find out what is wrong with JSON that is not one of our frames."""
    try:
        frame = msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return Malformed("invalid_frame", "A frame is a JSON object with a type")
    kind = frame.get("type")
    if not isinstance(kind, str):
        return Malformed("invalid_frame", "type is missing, or not a string")
    if kind not in _KNOWN:
        known = "message, cancel, typing, feedback and ping"
        return Malformed("unknown_type", f"This type of frame is not known; known are {known}")
    error = field_error(fault, "frame")
    if error.loc[1:2] in (["attachments"], ["attachment_ids"]):
        return Malformed("invalid_attachment", f"{error.loc[1]} must be a list of the ids of uploads of this session")
    return Malformed("invalid_frame", sentence(error))
