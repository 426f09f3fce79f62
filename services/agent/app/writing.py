"""How an answer is written: decide, look up, stream."""

import asyncio
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.bus_map import SEARCH
from libs.contracts.channels import Announcer, Caller
from libs.contracts.errors import DeskError
from libs.contracts.frames import Sources
from libs.contracts.knowledge import Search, Source
from libs.contracts.session import Answer, ClaimedTurn
from services.agent.domain import actions, escalation, evidence, files, history, languages, question, replies, tools
from services.agent.domain.draft import printable
from services.agent.domain.escalation import HandOver
from services.agent.domain.facts import Fact
from services.agent.domain.intents import Intents
from services.agent.domain.links import LinkStripper
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
        intents: the classifier that helps to decide whether a person takes over; None leaves it to the tables.
    """

    caller: Caller
    announcer: Announcer
    model: Model
    log: Log
    agent_id: str
    limits: Limits
    memory: Memory
    allowed_links: frozenset[str] = frozenset()
    intents: Intents | None = None


@runtime_checkable
class Resuming(Protocol):
    """A model that calls tools, and goes on with what earlier attempts of a turn did."""

    async def has_begun(self, tenant: str, turn_id: str) -> bool:
        """Say whether earlier attempts of a turn called tools."""
        ...


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
        # A wish for a person that waits until what colleagues allowed is done.
        self._wish: HandOver | None = None
        self._means = means
        self._turn = turn
        self._history = history.said(turn.history)
        self._broadcast = broadcast

    async def answer(self) -> Answer:
        """Write the answer; where nothing was said yet an apology, or a hand-over if a colleague had allowed an action.

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
        return self._whole(self._instead(fault))

    def _instead(self, fault: Fault) -> Answer:
        """Give what is said in the place of an answer: nobody knows here whether an allowed action was done."""
        turn, wish, model = self._turn, self._wish, self._means.model.name
        if allowed := list(filter(actions.allows, actions.decisions(turn.questions))):
            self._means.log.warning("action_unconfirmed", turn=turn.turn_id, attempt=turn.attempt, code=fault.code)
            language = wish.language if wish else languages.spoken([*self._history, *turn.questions]).ours
            text = replies.unconfirmed(language)
            if wish and (more := replies.parting(wish, text)):
                text = f"{text} {more}"
            called = actions.unconfirmed([actions.tool_of(decision) for decision in allowed])
            called = actions.merged(called, wish.escalation if wish else None)
            return Answer(content=text, metadata={"model": model, "kind": "hand_over"}, escalation=called)
        if wish:
            return replies.hand_over(wish, model)
        self._means.log.warning("apologised", turn=turn.turn_id, part=fault.part, code=fault.code)
        return replies.apology(fault.part, fault.code, model)

    async def _compose(self) -> Answer:
        turn, show = self._turn, self._broadcast
        await show.status("context", "Reading the conversation")
        if decision := escalation.decide(turn.questions, self._history, self._means.intents):
            self.handing_over = True
            if not actions.decisions(turn.questions):
                return await self._hand_over(decision)
            self._wish = decision
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
        outcome = self._wished(outcome)
        return Answer(
            content=show.text,
            sources=cited([*passages, *outcome.found], outcome.used),
            confidence=outcome.confidence,
            tools_used=[*tools.looked_up(turn.questions, known), *outcome.tools_used],
            metadata={"model": self._means.model.name, **outcome.metadata, "attempt": turn.attempt},
            escalation=outcome.escalation,
        )

    def _wished(self, outcome: Outcome) -> Outcome:
        """Add the hand-over that waited for the actions; a text with one is no answer, so it has no confidence."""
        if not (wish := self._wish):
            return outcome
        if text := replies.parting(wish, self._broadcast.text):
            self._broadcast.write(f"\n\n{text}")
        called = actions.merged(wish.escalation, outcome.escalation)
        return replace(outcome, confidence=None, metadata=outcome.metadata | {"kind": "hand_over"}, escalation=called)

    async def _hand_over(self, decision: HandOver) -> Answer:
        """Say that a person takes over, without asking a model; what the customer told is kept all the same."""
        await self._means.memory.attend(self._turn)
        return self._whole(replies.hand_over(decision, self._means.model.name))

    def _whole(self, answer: Answer) -> Answer:
        """Tell all of an answer at once."""
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
        wanted = Search(query=query, limit=limits.passages, min_score=0.0, session_id=turn.session_id)
        try:
            found = await self._means.caller.call(SEARCH, wanted, tenant=turn.tenant, timeout=limits.knowledge_s)
        except DeskError as error:
            self._means.log.warning("search_failed", turn=turn.turn_id, code=error.code)
            if not await self._must_go_on():
                raise Fault("knowledge", "knowledge_unavailable") from error
            return []
        return evidence.related(found.sources)

    async def _must_go_on(self) -> bool:
        """Say whether there is more to do than to answer: what colleagues decided, or what an earlier attempt began."""
        turn, model = self._turn, self._means.model
        if actions.decisions(turn.questions):
            return True
        return turn.attempt > 1 and isinstance(model, Resuming) and await model.has_begun(turn.tenant, turn.turn_id)

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
