"""What administrators ask of the agent service over HTTP: memories of users, approvals, usage."""

from aiohttp import web

from ..app.approvals import Approvals
from ..app.memories import Memories
from ..app.usage import Usage
from ..domain.approvals import ApprovalOrder, ApprovalQuery
from ..domain.limits import Limits
from ..domain.marks import approval_cursor
from ..domain.reading import read_as
from ..domain.usage import UsageQuery
from .bodies import json_response, read_body
from .lists import list_response


class AgentHttp:
    """One method for each operation of the route table that the agent service answers for."""

    def __init__(self, memories: Memories, approvals: Approvals, usage: Usage, limits: Limits) -> None:
        self._memories = memories
        self._approvals = approvals
        self._usage = usage
        self._depth = limits.json_depth

    # --- memories

    async def list_memories(self, request: web.Request) -> web.Response:
        """`GET /api/users/{user_id}/memories`."""
        return json_response(await self._memories.list(request.match_info["user_id"]))

    async def erase_memories(self, request: web.Request) -> web.Response:
        """`DELETE /api/users/{user_id}/memories`."""
        return json_response(await self._memories.erase_all(request.match_info["user_id"]))

    async def erase_memory(self, request: web.Request) -> web.Response:
        """`DELETE /api/users/{user_id}/memories/{memory_id}`."""
        named = request.match_info
        return json_response(await self._memories.erase(named["user_id"], named["memory_id"]))

    # --- approvals

    async def list_approvals(self, request: web.Request) -> web.Response:
        """`GET /api/approvals`."""
        query = read_as(ApprovalQuery, dict(request.query), where="query", lax=True)
        page = await self._approvals.list(query)
        following = None
        if page.more and page.approvals:
            last = page.approvals[-1]
            following = {"limit": query.limit, "cursor": approval_cursor(last.requested_at, last.approval_id)}
        return list_response(request, page.approvals, page.total, following)

    async def decide_approval(self, request: web.Request) -> web.Response:
        """`POST /api/approvals/{approval_id}`."""
        order = read_as(ApprovalOrder, await read_body(request, self._depth))
        return json_response(await self._approvals.decide(request.match_info["approval_id"], order))

    # --- usage

    async def usage(self, request: web.Request) -> web.Response:
        """`GET /api/usage`."""
        query = read_as(UsageQuery, dict(request.query), where="query", lax=True)
        return json_response(await self._usage.sums(query))
