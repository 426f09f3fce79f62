"""Knowledge over HTTP: search what answers rest on, see what it does not answer, and answer that."""

from msgspec import structs

from libs.contracts import ids
from libs.contracts.bus_map import ANSWER_GAP, DISMISS_GAP, LIST_GAPS, REOPEN_GAP, SEARCH
from libs.contracts.channels import Caller, Req, Res, Rpc
from libs.contracts.errors import NotFound, TimedOut, Unavailable
from libs.contracts.knowledge import AnswerGap, DismissGap, Gap, GapPage, ListGaps, ReopenGap, Source

from ..domain.requests import AT_ONCE, GapQuery, NewAnswer, NewSearch


class Knowledge:
    """What clients ask of the knowledge service."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    async def search(self, new: NewSearch) -> list[Source]:
        """Give the passages nearest to a question, nearest first; none where nothing is near enough.

        Raises:
            Unavailable: the knowledge service or its index is away; never an empty list instead.
        """
        return (await self._ask(SEARCH, new.checked())).sources

    async def gaps(self, query: GapQuery) -> GapPage:
        """Give a page of the questions that the documents did not answer, the most wanted first.

        Raises:
            Unavailable: the knowledge service is away.
        """
        asked = ListGaps(limit=min(query.limit, AT_ONCE), offset=query.offset, state=query.state)
        page = await self._ask(LIST_GAPS, asked)
        gaps, total = page.gaps, page.total
        while page.gaps and (missing := min(query.limit, total - query.offset) - len(gaps)) > 0:
            asked = structs.replace(asked, limit=min(missing, AT_ONCE), offset=query.offset + len(gaps))
            page = await self._ask(LIST_GAPS, asked)
            gaps += page.gaps
        return GapPage(gaps, total)

    async def dismiss(self, gap_id: str) -> Gap:
        """Say that a gap needs no answer.

        Raises:
            NotFound: `gap_not_found`.
        """
        return await self._ask(DISMISS_GAP, DismissGap(_checked(gap_id)))

    async def reopen(self, gap_id: str) -> Gap:
        """Open a gap again.

        Raises:
            NotFound: `gap_not_found`.
        """
        return await self._ask(REOPEN_GAP, ReopenGap(_checked(gap_id)))

    async def answer(self, gap_id: str, new: NewAnswer) -> Gap:
        """Answer a gap: question and answer become a document.

        Raises:
            NotFound: `gap_not_found`.
            Conflict: `no_draft`: there is no answer, and no draft of one.
            Invalid: an answer or a question is blank.
        """
        answer, question = new.checked()
        return await self._ask(ANSWER_GAP, AnswerGap(gap_id=_checked(gap_id), answer=answer, question=question))

    async def _ask(self, channel: Rpc[Req, Res], asked: Req) -> Res:
        return await ask_knowledge(self._caller, channel, asked, self._tenant)


async def ask_knowledge(caller: Caller, channel: Rpc[Req, Res], asked: Req, tenant: str) -> Res:
    """Ask the knowledge service.

    Raises:
        Unavailable: it is away, or does not answer in time.
    """
    try:
        return await caller.call(channel, asked, tenant=tenant)
    except TimedOut as fault:
        raise Unavailable("knowledge_unavailable", "The knowledge service does not answer; try again") from fault


def _checked(gap_id: str) -> str:
    if not ids.is_id(ids.GAP, gap_id):
        raise NotFound("gap_not_found", "There is no such question; GET /api/knowledge/gaps lists them")
    return gap_id
