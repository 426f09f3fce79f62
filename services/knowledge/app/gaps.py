"""What the documents do not answer: noted, listed, dismissed, answered, and closed when the answer is found."""

from libs.contracts.context import Context
from libs.contracts.documents import DocumentIndexed, PutDocument
from libs.contracts.errors import Conflict, DeskError, FieldError, Invalid, NotFound
from libs.contracts.ids import GAP
from libs.contracts.knowledge import AnswerGap, DismissGap, Gap, GapPage, GapState, ListGaps, ReopenGap
from libs.contracts.session import FeedbackGiven, MessageAdded, SessionDeleted, TurnCompleted
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain import MAX_ANSWER, MAX_QUESTION, Unanswered, faq_text, rated_down, unanswered
from ..domain.givens import TITLE_CHARACTERS
from ..ports import GapStore, Library, Meanings

_MOST_LISTED = 100
_NOT_FOUND = "There is no such gap; GET /api/knowledge/gaps lists them"


class Gaps:
    """The use cases about what the documents do not answer."""

    def __init__(self, store: GapStore, meanings: Meanings, library: Library) -> None:
        self._store = store
        self._meanings = meanings
        self._library = library

    # --- what is heard

    async def note(self, event: TurnCompleted, ctx: Context) -> None:
        """Note the question of an answer that says that it found nothing; once for each turn.

        Raises:
            Unavailable: it could not be done now.
        """
        if asked := unanswered(event):
            await self._note(asked, ctx)

    async def note_rated(self, event: FeedbackGiven, ctx: Context) -> None:
        """Note the question of an answer that was rated down; once for each turn.

        Raises:
            Unavailable: it could not be done now.
        """
        if asked := rated_down(event, now()):
            await self._note(asked, ctx)

    async def hear_operator(self, event: MessageAdded, ctx: Context) -> None:
        """Keep an operator's answer to what the documents did not answer, as a draft for whoever writes them.

        Raises:
            Unavailable: it could not be done now.
        """
        message = event.message
        if message.role == "operator" and message.content.strip():
            await self._store.draft(ctx.tenant, ctx.key, message.content, message.timestamp)

    async def forget(self, event: SessionDeleted, ctx: Context) -> None:
        """Forget what was asked and cited in a session that was deleted.

        Raises:
            Unavailable: it could not be done now.
        """
        await self._store.forget(ctx.tenant, event.session_id)

    async def close_found(self, event: DocumentIndexed, ctx: Context) -> None:
        """Close the gaps that a document answers, where their questions find it.

        Raises:
            Unavailable: it could not be done now.
        """
        for gap in await self._store.answered_by(ctx.tenant, event.document_id):
            if await self._library.finds(ctx.tenant, gap.question, event.document_id):
                await self._store.set_state(ctx.tenant, gap.gap_id, "closed")

    # --- what is asked

    async def list_gaps(self, request: ListGaps, ctx: Context) -> GapPage:
        """List a tenant's gaps of a state, most wanted first.

        Raises:
            Invalid: `invalid_request`.
        """
        if not 1 <= request.limit <= _MOST_LISTED:
            raise _invalid("limit", f"must be 1 to {_MOST_LISTED}", "query")
        if request.offset < 0:
            raise _invalid("offset", "must be 0 or more", "query")
        return GapPage(*await self._store.most_wanted(ctx.tenant, request.limit, request.offset, request.state))

    async def dismiss(self, request: DismissGap, ctx: Context) -> Gap:
        """Dismiss a gap. Twice is once.

        Raises:
            NotFound: `gap_not_found`.
        """
        return await self._set_state(ctx.tenant, request.gap_id, "dismissed")

    async def reopen(self, request: ReopenGap, ctx: Context) -> Gap:
        """Open a gap again. Twice is once.

        Raises:
            NotFound: `gap_not_found`.
        """
        return await self._set_state(ctx.tenant, request.gap_id, "open")

    async def answer(self, request: AnswerGap, ctx: Context) -> Gap:
        """Make question and answer a document; the gap closes when its question finds that.

        Raises:
            NotFound: `gap_not_found`.
            Conflict: `no_draft`: neither an answer was given nor is there a draft of one.
            Invalid: `invalid_request`: question or answer is blank or too long.
        """
        gap = await self._store.get(ctx.tenant, request.gap_id)
        if gap is None:
            raise NotFound("gap_not_found", _NOT_FOUND)
        answer = gap.draft if request.answer is None else request.answer
        if answer is None:
            raise Conflict("no_draft", "Nobody has answered this question yet: send the answer in `answer`")
        question = " ".join((request.question or gap.question).split())
        if not answer.strip() or len(answer) > MAX_ANSWER:
            raise _invalid("answer", f"must have 1 to {MAX_ANSWER} characters")
        if not question or len(question) > MAX_QUESTION:
            raise _invalid("question", f"must have 1 to {MAX_QUESTION} characters")
        # First what is to be found, then the state: an answer that was written twice is the same document.
        document_id = f"gap-{gap.gap_id}"
        answered = await self._set_state(ctx.tenant, gap.gap_id, "answered", document_id)
        try:
            await self._library.add(ctx.tenant, PutDocument(
                document_id=document_id, title=question[:TITLE_CHARACTERS], source="answered gap", metadata={"category": "faq"},
                text=faq_text(question, answer), name="answer.md", media_type="text/markdown",
            ))  # fmt: skip
        except DeskError:  # there is no answer that it could wait for
            await self._set_state(ctx.tenant, gap.gap_id, gap.state)
            raise
        if await self._library.finds(ctx.tenant, gap.question, document_id):  # it was there already
            return await self._set_state(ctx.tenant, gap.gap_id, "closed")
        return answered

    async def _note(self, asked: Unanswered, ctx: Context) -> None:
        meaning = await self._meanings.of(asked.question)
        await self._store.note(ctx.tenant, ctx.key, asked, mint(GAP), meaning)

    async def _set_state(self, tenant: str, gap_id: str, state: GapState, document_id: str | None = None) -> Gap:
        gap = await self._store.set_state(tenant, gap_id, state, document_id)
        if gap is None:
            raise NotFound("gap_not_found", _NOT_FOUND)
        return gap


def _invalid(field: str, why: str, where: str = "body") -> Invalid:
    return Invalid("invalid_request", f"{field} {why}", errors=[FieldError([where, field], why)])
