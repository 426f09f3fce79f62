"""Knowledge over HTTP: search what answers rest on, and see what it does not answer."""

from msgspec import structs

from libs.contracts.bus_map import LIST_GAPS, SEARCH
from libs.contracts.channels import Caller, Req, Res, Rpc
from libs.contracts.errors import TimedOut, Unavailable
from libs.contracts.knowledge import GapPage, ListGaps, Source

from ..domain.requests import AT_ONCE, GapQuery, NewSearch


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
        asked = ListGaps(limit=min(query.limit, AT_ONCE), offset=query.offset)
        page = await self._ask(LIST_GAPS, asked)
        gaps, total = page.gaps, page.total
        while page.gaps and (missing := min(query.limit, total - query.offset) - len(gaps)) > 0:
            asked = structs.replace(asked, limit=min(missing, AT_ONCE), offset=query.offset + len(gaps))
            page = await self._ask(LIST_GAPS, asked)
            gaps += page.gaps
        return GapPage(gaps, total)

    async def _ask(self, channel: Rpc[Req, Res], asked: Req) -> Res:
        try:
            return await self._caller.call(channel, asked, tenant=self._tenant)
        except TimedOut as fault:
            raise Unavailable("knowledge_unavailable", "The knowledge service does not answer; try again") from fault
