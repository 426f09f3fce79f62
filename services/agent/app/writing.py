"""How an answer is written: decide, look up, stream."""

import asyncio
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.bus_map import SEARCH
from libs.contracts.channels import Announcer, Caller
from libs.contracts.errors import DeskError
from libs.contracts.frames import Sources
from libs.contracts.knowledge import Search, Source
from libs.contracts.session import Answer, ClaimedTurn
from services.agent.domain import escalation, evidence, files, history, question, replies, tools
from services.agent.domain.draft import printable
from services.agent.domain.escalation import HandOver
from services.agent.domain.facts import Fact
from services.agent.domain.filters import LinkStripper
from services.agent.domain.prompt import Notice, Outcome, Prompt, cited
from services.agent.ports import Log, Model, ModelFault

from .broadcast import Broadcast
from .memory import Memory
from .reading import read_files


class Limits(Struct, frozen=True, kw_only=True):
    """What an attempt may take; times in seconds.

    Attributes:
        first_token_s: None where the model keeps time itself, call by call.
    """

    turn_s: float = 120.0
    first_token_s: float | None = 15.0
    knowledge_s: float = 3.0
    text_interval_s: float = 0.035
    passages: int = 5


class Means(Struct, frozen=True, kw_only=True):
    """What attempts are made with.

    Attributes:
        allowed_links: hosts to which an answer may hold links.
    """

    caller: Caller
    announcer: Announcer
    model: Model
    log: Log
    agent_id: str
    limits: Limits
    memory: Memory
    allowed_links: frozenset[str] = frozenset()


class Fault(Exception):
    """A part that the answer needs has failed: `knowledge` or `model`."""

    def __init__(self, part: str, code: str) -> None:
        super().__init__(code)
        self.part = part
        self.code = code


class Writing:
    """The writing of one attempt's answer. `handing_over` says that a person takes over: this is decided and stays so."""

    def __init__(self, means: Means, turn: ClaimedTurn, broadcast: Broadcast) -> None:
        self.handing_over = False
        self._means = means
        self._turn = turn
        self._history = history.said(turn.history)
        self._broadcast = broadcast

    async def answer(self) -> Answer:
        """Write the answer, or an apology where nothing was said yet.

        Raises:
            Fault: text had left already; only another attempt can make it good.
        """
        try:
            async with asyncio.timeout(self._means.limits.turn_s):
                return await self._compose()
        except TimeoutError:
            fault = Fault("model", "turn_timed_out")
        except Fault as known:
            fault = known
        if not self._broadcast.silent:
            raise fault
        turn = self._turn
        self._means.log.warning("apologised", turn=turn.turn_id, part=fault.part, code=fault.code)
        apology = replies.apology(fault.part, fault.code, self._means.model.name)
        self._broadcast.write(apology.content)
        return replace(apology, metadata={**apology.metadata, "attempt": turn.attempt})

    async def _compose(self) -> Answer:
        turn, show = self._turn, self._broadcast
        await show.status("context", "Reading the conversation")
        if decision := escalation.decide(turn.questions, self._history):
            self.handing_over = True
            return await self._hand_over(decision)
        if files.named(turn.questions):
            await show.status("attachments", "Reading the attachments")
        await show.status("knowledge", "Searching the help pages")
        passages, known, unread = await self._look_up()
        await show.sources(Sources(sources=passages))
        await show.status("model", "Writing the answer")
        outcome = await self._stream(
            Prompt(
                turn_id=turn.turn_id,
                attempt=turn.attempt,
                tenant=turn.tenant,
                session_id=turn.session_id,
                user_id=turn.user_id,
                questions=turn.questions,
                history=self._history,
                passages=passages,
                facts=known,
                unread=unread,
            )
        )
        return Answer(
            content=show.text,
            sources=cited([*passages, *outcome.found], outcome.used),
            confidence=outcome.confidence,
            tools_used=[*tools.looked_up(turn.questions, known), *outcome.tools_used],
            metadata={"model": self._means.model.name, **outcome.metadata, "attempt": turn.attempt},
            escalation=outcome.escalation,
        )

    async def _hand_over(self, decision: HandOver) -> Answer:
        """Say that a person takes over, without asking a model; what the customer told is kept all the same."""
        await self._means.memory.attend(self._turn)
        answer = replies.hand_over(decision, self._means.model.name)
        self._broadcast.write(answer.content)
        return replace(answer, metadata={**answer.metadata, "attempt": self._turn.attempt})

    async def _look_up(self) -> tuple[list[Source], list[Fact], list[str]]:
        """Search, remember and read side by side; what the customer told is kept also where the search fails."""
        means, turn = self._means, self._turn
        passages, known, reading = await asyncio.gather(
            self._search(), means.memory.attend(turn), read_files(means.caller, means.log, turn), return_exceptions=True
        )
        for result in (passages, known, reading):
            if isinstance(result, BaseException):
                raise result
        assert not isinstance(passages, BaseException)  # noqa: S101 - raised above
        assert not isinstance(known, BaseException)  # noqa: S101
        assert not isinstance(reading, BaseException)  # noqa: S101
        return files.merged(reading.passages, passages), known, reading.unread

    async def _search(self) -> list[Source]:
        turn, limits = self._turn, self._means.limits
        # Whether it is near enough is judged with the question at hand (`domain.sufficiency`), not by the search alone.
        query = question.query(turn.questions, self._history)
        wanted = Search(query=query, limit=limits.passages, min_score=evidence.UNRELATED)
        try:
            found = await self._means.caller.call(SEARCH, wanted, tenant=turn.tenant, timeout=limits.knowledge_s)
        except DeskError as error:
            self._means.log.warning("search_failed", turn=turn.turn_id, code=error.code)
            raise Fault("knowledge", "knowledge_unavailable") from error
        return found.sources

    async def _stream(self, prompt: Prompt) -> Outcome:
        """Pass the model's text on as it comes; give what the model says about it."""
        outcome: Outcome | None = None
        links = LinkStripper(self._means.allowed_links)
        begun, patience = False, asyncio.timeout(self._means.limits.first_token_s)
        try:
            async with (
                patience,
                aclosing(self._means.model.answer(prompt)) as stream,
            ):
                async for delta in stream:
                    if isinstance(delta, Outcome):
                        outcome = delta
                        continue
                    if isinstance(delta, Notice):
                        await self._broadcast.status("tool", delta.message)
                        continue
                    # Without control characters first: what they part is a link once they are gone.
                    self._broadcast.write(links.feed(printable(delta)))
                    if not (begun or self._broadcast.silent):
                        begun = True
                        patience.reschedule(None)
                self._broadcast.write(links.finish())
        except ModelFault as fault:
            raise Fault("model", fault.code) from fault
        except Exception as error:
            if patience.expired():
                raise Fault("model", "model_timed_out") from error
            self._means.log.exception("model_failed", turn=self._turn.turn_id, attempt=self._turn.attempt)
            raise Fault("model", "model_failed") from error
        if outcome is None or not self._broadcast.text.strip():
            raise Fault("model", "model_incomplete")
        return outcome
