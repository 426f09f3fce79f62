"""Uploads: streamed into the store, recorded and read by the attachments service, described, downloaded, taken back."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from libs.contracts import ids
from libs.contracts.attachments import Attachment, Describe, Discard, Register
from libs.contracts.bus_map import DESCRIBE_ATTACHMENTS, DISCARD_ATTACHMENTS, GET_SESSION, REGISTER_ATTACHMENT
from libs.contracts.channels import Caller
from libs.contracts.errors import DeskError, Malformed, NotFound
from libs.contracts.session import GetSession

from ..domain.limits import advise, check_session_id
from ..domain.uploads import (
    NewFile,
    StoredFile,
    UploadLimits,
    UploadReply,
    attachment_not_found,
    too_large,
    upload_reply,
)
from ..ports import BlobStore, Log, Mint
from .arrivals import Arrivals

_READ_WAIT_S = 15.0
_TAKE_BACK_S = 2.0


class Uploads:
    """What clients do with files. No file is ever whole in this process."""

    def __init__(
        self, caller: Caller, blobs: BlobStore, log: Log, *, tenant: str, mint: Mint, limits: UploadLimits
    ) -> None:
        self.limits = limits
        self._caller = caller
        self._blobs = blobs
        self._log = log
        self._tenant = tenant
        self._mint = mint
        self._arrivals = Arrivals(limits.file_bytes, limits.at_once, lambda: too_large(limits))

    # --- taking files

    async def check_session(self, session_id: str) -> str:
        """Give the id of a session that takes uploads.

        Raises:
            Malformed: `invalid_session_id`, or `session_ended`.
            NotFound: `session_not_found`.
        """
        session_id = check_session_id(session_id)
        try:
            session = await self._caller.call(GET_SESSION, GetSession(), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise advise(fault) from fault
        if session.status == "ended":
            raise Malformed("session_ended", "This session has ended; create a new one with POST /api/sessions")
        return session_id

    async def store(self, file: NewFile, source: AsyncIterator[bytes]) -> StoredFile:
        """Stream a file into the store; where that fails, nothing of it stays.

        Raises:
            TooLarge: `file_too_large`, the moment the limit is passed.
            Unavailable: the store, or this process, takes no more right now.
        """
        attachment_id = self._mint(ids.ATTACHMENT)
        with self._arrivals.admitted():
            written = await self._blobs.write(attachment_id, self._arrivals.bounded(source))
        return StoredFile(attachment_id=attachment_id, file=file, size=written.size, sha256=written.sha256)

    async def register(self, session_id: str, stored: StoredFile) -> Attachment:
        """Have a stored file recorded for a session and read; gives it as it stands where reading takes long."""
        request = Register(
            attachment_id=stored.attachment_id, filename=stored.file.filename, content_type=stored.file.content_type,
            size=stored.size, sha256=stored.sha256,
        )  # fmt: skip
        clock = asyncio.get_running_loop().time
        until = clock() + _READ_WAIT_S
        while True:
            attachment = await self._caller.call(REGISTER_ATTACHMENT, request, tenant=self._tenant, key=session_id)
            if attachment.state != "uploaded" or clock() > until:
                return attachment

    async def upload(self, session_id: str, stored: StoredFile) -> UploadReply:
        """Register a file that was sent by itself."""
        try:
            return upload_reply(await self.register(session_id, stored))
        except NotFound as fault:
            raise advise(fault) from fault

    async def attach(self, session_id: str, files: Sequence[StoredFile]) -> list[str]:
        """Register the files of a message; gives their ids."""
        answers = await asyncio.gather(*(self.register(session_id, each) for each in files), return_exceptions=True)
        for answer in answers:  # only now, when none of them is under way any more
            if isinstance(answer, BaseException):
                raise answer
        return [stored.attachment_id for stored in files]

    async def take_back(self, session_id: str, files: Sequence[StoredFile]) -> None:
        """Remove files that turned out not to be wanted; what cannot be removed now is swept later."""
        if not files:
            return
        try:
            if ids.is_id(ids.SESSION, session_id):
                asked = Discard([stored.attachment_id for stored in files])
                await self._caller.call(
                    DISCARD_ATTACHMENTS, asked, tenant=self._tenant, key=session_id, timeout=_TAKE_BACK_S
                )
        except DeskError as fault:
            self._log.warning("upload_record_left_behind", reason=fault.code)
        try:
            for stored in files:
                await self._blobs.delete(stored.attachment_id)
        except DeskError as fault:
            self._log.warning("upload_left_behind", reason=fault.code)

    # --- giving files

    async def describe(self, session_id: str, attachment_id: str) -> Attachment:
        """Give an upload to its session.

        Raises:
            NotFound: `attachment_not_found`; there is none, or it is another session's.
        """
        try:
            check_session_id(session_id)
        except NotFound as fault:
            raise attachment_not_found() from fault
        if not ids.is_id(ids.ATTACHMENT, attachment_id):
            raise attachment_not_found()
        asked = Describe([attachment_id])
        found = await self._caller.call(DESCRIBE_ATTACHMENTS, asked, tenant=self._tenant, key=session_id)
        if not found.attachments:
            raise attachment_not_found()
        return found.attachments[0]

    def content(self, attachment: Attachment) -> AsyncGenerator[bytes, None]:
        """Give the bytes of an upload, piece by piece."""
        return self._blobs.read(attachment.attachment_id)
