"""Knowledge over HTTP: search what answers rest on."""

from libs.contracts.bus_map import SEARCH
from libs.contracts.channels import Caller
from libs.contracts.errors import TimedOut, Unavailable
from libs.contracts.knowledge import Source

from ..domain.requests import NewSearch


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
        try:
            found = await self._caller.call(SEARCH, new.checked(), tenant=self._tenant)
        except TimedOut as fault:
            raise Unavailable("knowledge_unavailable", "The knowledge service does not answer; try again") from fault
        return found.sources
