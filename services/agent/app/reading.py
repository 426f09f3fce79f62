"""Reading: what the session's uploads say about a turn's questions, as far as it can be had in time."""

from libs.contracts.attachments import AskTexts
from libs.contracts.bus_map import ATTACHMENT_TEXTS
from libs.contracts.channels import Caller
from libs.contracts.errors import DeskError
from libs.contracts.session import ClaimedTurn
from services.agent.domain import files
from services.agent.ports import Log

# Uploads in one turn; a message names five at most, and those of earlier ones still count.
_MAX_FILES = 10
_PATIENCE_S = 3.0


async def read_files(caller: Caller, log: Log, turn: ClaimedTurn) -> files.Reading:
    """Read the uploads of the questions and of the messages before them.

    Where the attachments service does not answer, the answer is given without them and says so.
    """
    ids = files.named([*turn.history, *turn.questions])[:_MAX_FILES]
    if not ids:
        return files.Reading()
    try:
        told = await caller.call(
            ATTACHMENT_TEXTS,
            AskTexts(attachment_ids=ids),
            tenant=turn.tenant,
            key=turn.session_id,
            timeout=_PATIENCE_S,
        )
    except DeskError as error:
        log.warning("files_not_read", turn=turn.turn_id, code=error.code)
        fresh = [ref.filename for message in turn.questions for ref in message.attachments]
        return files.Reading(unread=fresh)
    return files.read(told.texts, turn.questions)
