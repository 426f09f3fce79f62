"""Uploads as other services ask for them: recorded, described, named in a message, read for an answer, removed."""

import asyncio

from libs.contracts import ids
from libs.contracts.attachments import (
    AskTexts,
    Attachment,
    AttachmentText,
    Describe,
    Described,
    Discard,
    Discarded,
    Register,
    Resolve,
    Resolved,
    Texts,
)
from libs.contracts.context import Context
from libs.contracts.errors import Invalid, Malformed, NotFound
from libs.contracts.session import AttachmentRef, MessageAdded, SessionDeleted

from ..domain import TOLD_CHARACTERS, clean_name, clean_type, share
from ..ports import Blobs, Records, StoredText
from .readings import Readings

_MOST_IDS = 50
# An answer leaves so long before its asker stops waiting; a caller that has more time asks again.
_WAIT_S = 1.5
_MARGIN_S = 0.3


class Uploads:
    """What the service answers, and what it does when something happens in a conversation."""

    def __init__(self, records: Records, blobs: Blobs, readings: Readings) -> None:
        self._records = records
        self._blobs = blobs
        self._readings = readings

    async def register(self, request: Register, ctx: Context) -> Attachment:
        """Record an upload and have it read."""
        if not ids.is_id(ids.ATTACHMENT, request.attachment_id):
            raise Malformed("bad_request", "attachment_id is not an id of an attachment")
        new = Register(
            attachment_id=request.attachment_id, filename=clean_name(request.filename), size=request.size,
            content_type=clean_type(request.content_type), sha256=request.sha256,
        )  # fmt: skip
        if not await self._records.add(ctx.tenant, ctx.key, new):
            raise NotFound("session_not_found", "There is no such session")
        self._readings.wake()
        found = await self._when_read([new.attachment_id], ctx)
        if not found:
            raise NotFound("attachment_not_found", "There is no such attachment in this session")
        return found[0].attachment

    async def describe(self, request: Describe, ctx: Context) -> Described:
        """Give uploads of the session, as they stand."""
        found = await self._records.of_session(ctx.tenant, ctx.key, _bounded(request.attachment_ids))
        return Described([each.attachment for each in found])

    async def resolve(self, request: Resolve, ctx: Context) -> Resolved:
        """Give uploads as a message names them; all must be the session's own."""
        asked = _bounded(request.attachment_ids)
        found = await self._records.use(ctx.tenant, ctx.key, asked)
        if len(found) != len(asked):
            raise Invalid("invalid_attachment", "A message can only name uploads of its own session, by their ids")
        return Resolved([AttachmentRef(a.attachment_id, a.filename, a.content_type, a.size) for a in found])

    async def discard(self, request: Discard, ctx: Context) -> Discarded:
        """Remove uploads that no message names."""
        deleted = await self._records.delete_unbound(ctx.tenant, ctx.key, _bounded(request.attachment_ids))
        for attachment_id in deleted:
            await self._blobs.delete(attachment_id)
        return Discarded(len(deleted))

    async def texts(self, request: AskTexts, ctx: Context) -> Texts:
        """Give the text of uploads, for an answer in their session."""
        found = await self._when_read(_bounded(request.attachment_ids), ctx)
        most = min(max(request.max_characters, 0), TOLD_CHARACTERS)
        granted = share([len(each.text) for each in found], most)
        return Texts([_told(each, characters) for each, characters in zip(found, granted, strict=True)])

    # --- what happens in conversations

    async def message_added(self, event: MessageAdded, ctx: Context) -> None:
        """Bind uploads to the message that names them."""
        if named := [each.attachment_id for each in event.message.attachments]:
            await self._records.bind(ctx.tenant, ctx.key, named, event.message.id)

    async def session_deleted(self, event: SessionDeleted, ctx: Context) -> None:
        """Remove a session's uploads: bytes first, so that a failure between leaves the record to try again by."""
        for attachment_id in await self._records.bury(ctx.tenant, event.session_id):
            await self._blobs.delete(attachment_id)
        await self._records.delete_session(ctx.tenant, event.session_id)

    # --- waiting

    async def _when_read(self, asked: list[str], ctx: Context) -> list[StoredText]:
        """Give uploads once all are read, or as they stand when the asker will not wait much longer."""
        clock = asyncio.get_running_loop().time
        until = clock() + _WAIT_S
        if ctx.deadline is not None:
            until = min(until, ctx.deadline - _MARGIN_S)
        while True:
            found = await self._records.of_session(ctx.tenant, ctx.key, asked)
            remaining = until - clock()
            if remaining <= 0 or all(each.attachment.state != "uploaded" for each in found):
                return found
            await self._readings.something_read(remaining)


def _bounded(asked: list[str]) -> list[str]:
    """Give each id once."""
    if len(asked) > _MOST_IDS:
        raise Invalid("too_many_attachments", f"At most {_MOST_IDS} attachments can be asked for at once")
    return list(dict.fromkeys(asked))


def _told(stored: StoredText, characters: int) -> AttachmentText:
    attachment = stored.attachment
    return AttachmentText(
        attachment_id=attachment.attachment_id,
        filename=attachment.filename,
        content_type=attachment.detected_type or attachment.content_type,
        state=attachment.state,
        text=stored.text[:characters],
        truncated=stored.truncated or characters < len(stored.text),
        reason=attachment.reason,
        error=attachment.error,
    )
