"""Memories of users over HTTP: list them, erase them."""

from libs.contracts.agent import EraseMemories, ListMemories
from libs.contracts.bus_map import ERASE_MEMORIES, LIST_MEMORIES
from libs.contracts.channels import Caller

from ..domain.memories import Erased, Remembered, check_memory_id, check_user_id, memory_not_found


class Memories:
    """What is remembered of users across sessions; the agent service keeps it."""

    def __init__(self, caller: Caller, tenant: str) -> None:
        self._caller = caller
        self._tenant = tenant

    async def list(self, user_id: str) -> Remembered:
        """Give what is remembered of a user, the most important first; nothing where nobody is known by that id."""
        asked = ListMemories(check_user_id(user_id))
        known = await self._caller.call(LIST_MEMORIES, asked, tenant=self._tenant)
        return Remembered(user_id=asked.user_id, memories=known.memories)

    async def erase_all(self, user_id: str) -> Erased:
        """Forget all that is remembered of a user."""
        return await self._erase(EraseMemories(check_user_id(user_id)))

    async def erase(self, user_id: str, memory_id: str) -> Erased:
        """Forget one memory of a user.

        Raises:
            NotFound: `memory_not_found`.
        """
        erased = await self._erase(EraseMemories(check_user_id(user_id), check_memory_id(memory_id)))
        if not erased.erased:
            raise memory_not_found()
        return erased

    async def _erase(self, asked: EraseMemories) -> Erased:
        gone = await self._caller.call(ERASE_MEMORIES, asked, tenant=self._tenant)
        return Erased(user_id=asked.user_id, erased=gone.erased)
