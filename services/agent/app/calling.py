"""Calling: how a tool is called for one attempt of a turn, and what is said of it."""

import asyncio
from typing import Any

from services.agent.domain import tools
from services.agent.domain.chat import ToolCall
from services.agent.domain.prompt import Prompt
from services.agent.domain.steps import ToolContext, ToolResult
from services.agent.domain.tools import failed
from services.agent.ports import Log

from .tools import Registered, Registry


class Calling:
    """Calls tools for the customer of a prompt.

    Args:
        call_s: how long any tool may take.
    """

    def __init__(self, prompt: Prompt, registry: Registry, log: Log, call_s: float) -> None:
        self._prompt = prompt
        self._registry = registry
        self._log = log
        self._call_s = call_s

    async def checked(self, call: ToolCall, ctx: ToolContext) -> ToolResult | None:
        """Run a call that was checked when it was asked for: tools and their schemas may have changed since."""
        tool = self._registry.find(call.name)
        if tool is None:
            return failed("This tool is not there any more. Nothing was done.")
        try:
            arguments = tools.read_arguments(call.arguments)
        except tools.BadArguments as fault:
            return failed(str(fault))
        if words := tool.refusal(arguments, ctx):
            return failed(words)
        return await self.call(tool, arguments, ctx)

    async def call(self, tool: Registered, arguments: dict[str, Any], ctx: ToolContext) -> ToolResult | None:
        """Call a tool; gives None where it broke, so that nobody knows what it did."""
        try:
            async with asyncio.timeout(self._call_s):
                return await tool.tool.call(arguments, ctx)
        except Exception as error:
            # Without the exception's words: they may be the customer's.
            name = tool.kind.spec.name
            self._log.warning("tool_broke", turn=ctx.turn_id, tool=name, code=type(error).__name__)
            return None

    def context(self, key: str, next_rank: int) -> ToolContext:
        """Say whom a tool is called for, under an idempotency key."""
        prompt = self._prompt
        return ToolContext(
            tenant=prompt.tenant,
            session_id=prompt.session_id,
            turn_id=prompt.turn_id,
            user_id=prompt.user_id,
            key=key,
            questions=prompt.questions,
            history=prompt.history,
            next_rank=next_rank,
        )
