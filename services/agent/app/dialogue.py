"""Dialogue: one answer's talk with a language model, and with the tools that it asks for."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.errors import DeskError
from libs.contracts.knowledge import Source
from libs.contracts.session import Escalation, Message
from services.agent.domain import actions
from services.agent.domain.assembly import Dropped, Exchange, Material, assemble
from services.agent.domain.chat import ChatDelta, ChatEnd, ChatMessage, ChatRequest, ToolCall
from services.agent.domain.filters import Filter
from services.agent.domain.fitting import Room
from services.agent.domain.prompt import Notice, Prompt
from services.agent.domain.steps import ToolResult
from services.agent.domain.tools import REMEMBER, SEARCH_KNOWLEDGE, failed

from .speech import Speech
from .spending import BudgetExhausted, TurnSpending
from .steps import TurnSteps, Unconfirmed
from .tools import Registry

# What the one finds is passages, and the other only takes a note.
_TELL_NOTHING = (SEARCH_KNOWLEDGE, REMEMBER)
_NOT_ALLOWED = "A colleague did not allow this. It was not done. Tell the customer so."
_ENOUGH = "No more tools can be called for this answer. Answer from what you have."


class Completions(Protocol):
    """Streams completions from whichever deployment answers (`deployments.Deployments`)."""

    @property
    def name(self) -> str:
        """What the first of them is called."""
        ...

    def stream(self, request: ChatRequest, spending: TurnSpending) -> AsyncGenerator[ChatDelta, None]:
        """Stream one completion: its text in pieces, then one `ChatEnd`.

        Raises:
            ModelFault: `models_unavailable` before the first piece, another code after it.
            BudgetExhausted: it would pass a budget.
        """
        ...


class Redacting(Protocol):
    """Hides personal data from a model, for the time of a turn (`filters.Redaction`)."""

    def redact(self, text: str) -> str:
        """Give a text with placeholders; the same value always has the same one."""
        ...

    def restore(self, text: str) -> str:
        """Give a text with the values again."""
        ...

    def restorer(self) -> Filter:
        """Give a filter that restores a text while it streams."""
        ...


class Line(Struct, frozen=True, kw_only=True):
    """What a dialogue is held with.

    Attributes:
        room: the tokens that a prompt may have.
        system: gives the instructions, with or without those about tools.
        answer_tokens: the most that a completion may have; None leaves it to the model.
        redaction: None where models are shown personal data.
    """

    completions: Completions
    spending: TurnSpending
    steps: TurnSteps
    registry: Registry
    speech: Speech
    room: Room
    system: Callable[[bool], str]
    answer_tokens: int | None = None
    temperature: float | None = None
    redaction: Redacting | None = None


class Decided(Struct, frozen=True):
    """A colleague's decision, the call that it is about, and what came of it."""

    decision: Message
    call: ToolCall
    result: ToolResult


class Dialogue:
    """The talk. `run` gives what leaves; what became of it stands in the attributes afterwards.

    Attributes:
        found: passages that tools found.
        tools_used: names of tools that were called, each once.
        escalation: that a tool called a person, in this attempt or in an earlier one; that ends the talk.
        model: the deployment that answered last.
        finish: why its last completion ended.
        dropped: what its last prompt had no room for.
        decided: what came of each decision of a colleague, where that is known.
        unconfirmed: calls of which nobody knows whether they were done.
    """

    def __init__(self, line: Line, prompt: Prompt) -> None:
        self.found: list[Source] = []
        self.tools_used: list[str] = []
        self.escalation: Escalation | None = None
        self.model = ""
        self.finish = ""
        self.dropped = Dropped()
        self.decided: list[Decided] = []
        self.unconfirmed: list[ToolCall] = []
        self._line = line
        self._prompt = prompt
        self._exchanges: list[Exchange] = []
        self._ids: set[str] = set()
        self._tools = line.registry.specs()

    async def prepare(self) -> None:
        """Take up what earlier attempts did, and do all that colleagues allowed, also where one of these is `unconfirmed`."""
        try:
            for step in await self._line.steps.done_before():
                self._count_call()
                if step.result is not None:
                    self._take_up(step.call, step.result)
        except Unconfirmed as fault:
            self.unconfirmed.append(fault.step.call)
        for decision in actions.decisions(self._prompt.questions):
            await self._carry_out(decision)

    async def _carry_out(self, decision: Message) -> None:
        """Do what a colleague allowed."""
        call = ToolCall("", actions.tool_of(decision), "{}")
        try:
            done = await self._line.steps.approved(decision.metadata["approval_id"], self.next_rank)
        except Unconfirmed as fault:
            self.unconfirmed.append(fault.step.call)
            return
        except DeskError:
            if actions.allows(decision):
                self.unconfirmed.append(call)
                return
            result = failed(_NOT_ALLOWED)
        else:
            call, result = done.call or call, done.result
        self._take_up(call, result)
        self.decided.append(Decided(decision, call, result))

    @property
    def next_rank(self) -> int:
        """The rank of the next passage that is found."""
        return max((passage.rank for passage in [*self._prompt.passages, *self.found]), default=0) + 1

    @property
    def begun(self) -> bool:
        """Whether any tool was called, in this attempt or in an earlier one."""
        return bool(self._exchanges)

    @property
    def informed(self) -> bool:
        """Whether a tool told something that an answer may rest on without a passage."""
        return any(not result.failed and call.name not in _TELL_NOTHING for call, result in self._called())

    def _called(self) -> Iterator[tuple[ToolCall, ToolResult]]:
        for exchange in self._exchanges:
            yield from zip(exchange.calls, exchange.results, strict=True)

    async def run(self) -> AsyncGenerator[str | Notice, None]:
        """Ask, call tools, ask again, until an answer ends or a person is called.

        Raises:
            ModelFault, BudgetExhausted: as `Completions.stream`.
            DoesNotFit: the prompt is longer than the model takes.
        """
        speech = self._line.speech
        asyncio.get_running_loop().call_soon(speech.warm)
        while not self.escalation:
            written: list[str] = []
            request, end = self._request(), ChatEnd(finish="length")
            async with aclosing(self._line.completions.stream(request, self._line.spending)) as stream:
                async for delta in stream:
                    if isinstance(delta, ChatEnd):
                        end = delta
                        continue
                    written.append(delta)
                    if text := speech.say(delta):
                        yield text
            self.model, self.finish = end.model or self.model, end.finish
            # Those of a completion that was cut off are cut off, too.
            if not (request.tools and end.tool_calls) or end.finish in ("length", "content_filter"):
                break
            async with aclosing(self._use("".join(written), end.tool_calls)) as notices:
                async for notice in notices:
                    yield notice
            speech.pause()
        if rest := speech.finish():
            yield rest

    def _request(self) -> ChatRequest:
        material = Material(
            system=self._line.system(bool(self._tools)),
            prompt=self._prompt,
            exchanges=self._exchanges,
            tools=self._tools,
        )
        made = assemble(material, self._line.room)
        self.dropped = made.dropped
        messages = made.messages
        if redaction := self._line.redaction:
            messages = [messages[0], *(_redacted(message, redaction) for message in messages[1:])]
        line = self._line
        return ChatRequest(
            messages=messages, tools=self._tools, max_tokens=line.answer_tokens, temperature=line.temperature
        )

    async def _use(self, text: str, calls: Sequence[ToolCall]) -> AsyncGenerator[Notice, None]:
        """Call tools one after the other, telling the customer what is being done."""
        exchange = Exchange(text=text, calls=[], results=[])
        self._exchanges.append(exchange)
        for wanted in calls:
            call = self._named(wanted)
            if redaction := self._line.redaction:
                call = replace(call, arguments=redaction.restore(call.arguments))
            result = failed(_ENOUGH)
            if self._count_call():
                kind = self._line.registry.kind(call.name)
                if kind and kind.doing:
                    yield Notice(kind.doing)
                result = await self._line.steps.run(call, self.next_rank)
                self._learn(call, result)
            exchange.calls.append(call)
            exchange.results.append(result)
            if self.escalation:
                return

    def _count_call(self) -> bool:
        """Count a call of a tool; where there were enough, none is offered any more."""
        try:
            self._line.spending.take_tool_call()
        except BudgetExhausted:
            self._tools = []
            return False
        return True

    def _take_up(self, call: ToolCall, result: ToolResult) -> None:
        """Take in what was done before the model was asked."""
        call = self._named(call)
        self._exchanges.append(Exchange(calls=[call], results=[result]))
        self._learn(call, result)

    def _learn(self, call: ToolCall, result: ToolResult) -> None:
        self.found += result.passages
        self.escalation = actions.merged(self.escalation, result.escalation)
        self._line.speech.know(result)
        if self._line.registry.kind(call.name) and call.name not in self.tools_used:
            self.tools_used.append(call.name)

    def _named(self, call: ToolCall) -> ToolCall:
        """Give a call an id that no other has: attempts and careless models repeat theirs."""
        name = call.id
        while not name or name in self._ids:
            name = f"call_{len(self._ids) + 1}_{len(name)}"
        self._ids.add(name)
        return call if name == call.id else replace(call, id=name)


def _redacted(message: ChatMessage, redaction: Redacting) -> ChatMessage:
    calls = [replace(call, arguments=redaction.redact(call.arguments)) for call in message.tool_calls]
    return replace(message, content=redaction.redact(message.content), tool_calls=calls)
