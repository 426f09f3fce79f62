"""Answers: how a language model writes one, from the question whether there is anything to write to what is said about it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import cache
from typing import Any

from msgspec import Struct, structs
from msgspec.structs import replace

from libs.contracts.errors import DeskError
from services.agent.domain import actions, replies, shortcut, sufficiency
from services.agent.domain.citations import Citations
from services.agent.domain.filters import Filter
from services.agent.domain.fitting import DoesNotFit, Room
from services.agent.domain.grounding import Grounding
from services.agent.domain.instructions import Instructions, Task
from services.agent.domain.languages import Spoken, spoken
from services.agent.domain.links import LinkStripper
from services.agent.domain.prompt import Outcome, Prompt
from services.agent.domain.sufficiency import CLARIFIED, Verdict
from services.agent.ports import Delta, Log, Model, ModelFault

from . import decided
from .dialogue import Dialogue, Line, Redacting
from .speech import HeldCompletions, Speech, TryingCompletions
from .spending import BudgetExhausted, Spending, TurnSpending
from .steps import Steps
from .tools import Registry

_QUESTION_MARKS = ("?", "？", "؟")


class AnswerLimits(Struct, frozen=True, kw_only=True):
    """How long prompts and answers may be, in tokens.

    Attributes:
        context_tokens: that a request may have in all, its completion with it.
        answer_tokens: the most that one completion may have.
        temperature: None leaves it to the provider.
    """

    context_tokens: int = 32_000
    answer_tokens: int = 1_024
    temperature: float | None = None


class Parts(Struct, frozen=True, kw_only=True):
    """What answers are made with.

    Attributes:
        count: gives the tokens of a text.
        fallback: answers where no language model can.
        redacting: makes what hides personal data from a model in one turn; None shows it.
        guard: makes a filter of an answer from the turn's instructions, such as `prompt_guard.PromptGuard`.
    """

    completions: TryingCompletions
    count: Callable[[str], int]
    spending: Spending
    steps: Steps
    registry: Registry
    fallback: Model
    instructions: Instructions
    log: Log
    limits: AnswerLimits = AnswerLimits()
    redacting: Callable[[], Redacting] | None = None
    guard: Callable[[str], Filter] | None = None


class _Case(Struct, frozen=True, kw_only=True):
    """A turn, and what is known of it before anything is written."""

    prompt: Prompt
    verdict: Verdict
    spoken: Spoken
    tasks: list[Task]
    purse: TurnSpending


class ChatAnswers:
    """Answers with language models: a `ports.Model`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def name(self) -> str:
        """What its first deployment is called."""
        return self._parts.completions.name

    @property
    def about(self) -> str:
        """Which model it is, for readiness."""
        return self.name

    async def has_begun(self, tenant: str, turn_id: str) -> bool:
        """Say whether earlier attempts of a turn called tools; False where that cannot be looked up."""
        try:
            return bool(await self._parts.steps.journal.steps(tenant, turn_id))
        except DeskError:
            return False

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream an answer; with no model that can, the one that the fallback gives.

        Raises:
            ModelFault: text had left already, or the model refused to answer.
        """
        case = self._case(prompt)
        dialogue, speech = self._dialogue(case)
        await dialogue.prepare()
        early = self._unconfirmed(case, dialogue) or self._abstained(case, dialogue)
        for delta in early:
            yield delta
        if early:
            return
        try:
            async with aclosing(dialogue.run()) as deltas:
                async for delta in deltas:
                    yield delta
            if not (speech.left or dialogue.escalation):
                raise ModelFault("model_refused" if dialogue.finish == "content_filter" else "model_incomplete")
        except (ModelFault, BudgetExhausted, DoesNotFit) as fault:
            reason = _reason(fault)
            # A refusal says something about the question: another model's words would hide it.
            # What became of a decision is told all the same.
            if speech.left or (reason["reason"] == "model_refused" and not dialogue.decided):
                raise ModelFault(reason["reason"], retryable=False) from fault
        else:
            if dialogue.escalation and not speech.left:
                yield "\n\n".join([*self._told(case, dialogue), replies.handing_over(case.spoken.ours)])
            yield self._outcome(case, dialogue, speech)
            return
        self._parts.log.warning("answer_degraded", turn=prompt.turn_id, attempt=prompt.attempt, **reason)
        async with aclosing(self._degraded(case, dialogue, reason)) as deltas:
            async for delta in deltas:
                yield delta

    def _case(self, prompt: Prompt) -> _Case:
        decisions = actions.decisions(prompt.questions)
        asked = [message for message in prompt.questions if message.role == "user"]
        verdict = sufficiency.judge(asked, prompt.history, prompt.passages)
        tasks: list[Task] = ["approval"] if decisions else []
        if asked or not decisions:
            tasks.append(verdict.decision)
        return _Case(
            prompt=prompt,
            verdict=verdict,
            spoken=spoken([*prompt.history, *prompt.questions]),
            tasks=tasks,
            purse=self._parts.spending.turn(prompt.tenant, prompt.session_id, prompt.turn_id, prompt.attempt),
        )

    def _dialogue(self, case: _Case) -> tuple[Dialogue, Speech]:
        parts, prompt = self._parts, case.prompt
        redaction = parts.redacting() if parts.redacting else None

        @cache
        def system(tools: bool) -> str:
            return parts.instructions.system(case.tasks, case.spoken, tools=tools, redacted=redaction is not None)

        def filters() -> list[Filter]:
            restorer = [redaction.restorer()] if redaction else []
            return [*restorer, parts.guard(system(bool(parts.registry.names)))] if parts.guard else restorer

        def held_back() -> list[Filter]:
            return [Citations(ranks), *filters(), LinkStripper()]

        ranks = [passage.rank for passage in prompt.passages]
        citations = Citations(ranks)
        speech = Speech(citations, filters(), lambda: _grounding(prompt, citations))
        line = Line(
            completions=HeldCompletions(parts.completions, held_back),
            spending=case.purse,
            steps=parts.steps.of(prompt),
            registry=parts.registry,
            speech=speech,
            room=Room(parts.limits.context_tokens - parts.limits.answer_tokens, parts.count),
            system=system,
            answer_tokens=parts.limits.answer_tokens,
            temperature=parts.limits.temperature,
            redaction=redaction,
        )
        return Dialogue(line, prompt), speech

    # --- ends

    def _outcome(self, case: _Case, dialogue: Dialogue, speech: Speech) -> Outcome:
        support = speech.support()
        metadata = _about(case) | self._how(case, dialogue)
        metadata |= {"kind": "chat", "sentences": support.sentences, "supported": support.supported}
        if dialogue.finish == "length":
            metadata["truncated"] = True
        if dialogue.finish == "content_filter":
            metadata["filtered"] = True
        if dialogue.escalation:
            metadata["kind"] = "hand_over"
            return Outcome(
                tools_used=dialogue.tools_used, metadata=metadata, found=dialogue.found, escalation=dialogue.escalation
            )
        confidence = support.confidence
        if not (support.supported or dialogue.informed):
            if case.verdict.decision == "clarify" and speech.ends_with(_QUESTION_MARKS):
                metadata[CLARIFIED], confidence = True, None
            elif case.verdict.decision != "answer":
                metadata["abstained"], confidence = True, 0.0
        return Outcome(
            used=list(dict.fromkeys([*speech.cited, *support.used])),
            confidence=confidence,
            tools_used=dialogue.tools_used,
            metadata=metadata,
            found=dialogue.found,
        )

    def _how(self, case: _Case, dialogue: Dialogue) -> dict[str, Any]:
        """Say how an answer came to be: which model, what it took, and what its prompt had no room for."""
        found: dict[str, Any] = {
            "model": dialogue.model or self.name,
            "prompt": self._parts.instructions.name,
            "usage": structs.asdict(case.purse.totals),
        }
        dropped = {what: count for what, count in structs.asdict(dialogue.dropped).items() if count}
        return found | {"dropped": dropped} if dropped else found

    async def _degraded(self, case: _Case, dialogue: Dialogue, reason: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        """Answer without a language model, and say so."""
        prompt = case.prompt
        more = {"degraded": reason, "usage": structs.asdict(case.purse.totals), "model": self._parts.fallback.name}
        asked = [message for message in prompt.questions if message.role == "user"]
        if told := self._told(case, dialogue):
            yield "\n\n".join(told)
            if not asked or reason["reason"] == "model_refused":
                yield Outcome(tools_used=dialogue.tools_used, metadata={"kind": "decision", **more})
                return
            yield "\n\n"
        prompt = replace(prompt, questions=asked or prompt.questions, passages=[*prompt.passages, *dialogue.found])
        async with aclosing(self._parts.fallback.answer(prompt)) as deltas:
            async for delta in deltas:
                if not isinstance(delta, Outcome):
                    yield delta
                    continue
                metadata = _about(case) | delta.metadata | more
                if case.verdict.decision == "abstain" and not delta.used and delta.confidence == 0:
                    metadata["abstained"] = True
                yield replace(
                    delta,
                    metadata=metadata,
                    found=[*dialogue.found, *delta.found],
                    tools_used=list(dict.fromkeys([*dialogue.tools_used, *delta.tools_used])),
                )
                return

    def _abstained(self, case: _Case, dialogue: Dialogue) -> Sequence[Delta]:
        """Say that there is no answer, where that is sure before a model is asked and nothing was done."""
        if dialogue.begun or not shortcut.abstains(case.verdict, case.prompt, self._parts.registry.names):
            return ()
        text, unread, language = case.verdict.looked_for, case.prompt.unread, case.spoken.ours
        said = [replies.abstention(text, language), *([replies.not_read(unread, language)] if unread else [])]
        metadata = {**_about(case), "kind": "abstention", "abstained": True}
        return ["\n\n".join(said), Outcome(confidence=0.0, metadata=metadata)]

    def _told(self, case: _Case, dialogue: Dialogue) -> list[str]:
        return decided.told(dialogue, self._parts.registry, case.spoken.ours)

    def _unconfirmed(self, case: _Case, dialogue: Dialogue) -> Sequence[Delta]:
        """Hand over where nobody knows of an action whether it was done; what became of the others is told."""
        for call in dialogue.unconfirmed:
            facts = {"turn": case.prompt.turn_id, "attempt": case.prompt.attempt, "tool": call.name}
            self._parts.log.warning("action_unconfirmed", **facts)
        if not dialogue.unconfirmed:
            return ()
        text = "\n\n".join([*self._told(case, dialogue), replies.unconfirmed(case.spoken.ours)])
        called = decided.unconfirmed(dialogue, self._parts.registry)
        metadata = {"kind": "hand_over", "model": self.name}
        return [text, Outcome(tools_used=dialogue.tools_used, metadata=metadata, escalation=called)]


def _grounding(prompt: Prompt, citations: Citations) -> Grounding:
    """Make what judges support: by the passages, and by what the customer has told."""
    grounding = Grounding(prompt.passages, prompt.questions, citations.used)
    if prompt.facts:
        grounding.told("\n".join(f"{fact.label.replace('_', ' ')}: {fact.value}" for fact in prompt.facts))
    return grounding


def _about(case: _Case) -> dict[str, Any]:
    """Say what was looked for and how near the nearest passage is."""
    nearest = max((passage.relevance_score for passage in case.prompt.passages), default=0.0)
    return {"looked_for": case.verdict.looked_for, "retrieval_score": round(nearest, 4)}


def _reason(fault: ModelFault | BudgetExhausted | DoesNotFit) -> dict[str, Any]:
    """Say why no model answered, in a stable word."""
    if isinstance(fault, ModelFault):
        return {"reason": fault.code}
    if isinstance(fault, BudgetExhausted):
        return {"reason": "budget_exhausted", "scope": fault.scope, "what": fault.what}
    return {"reason": "prompt_too_long"}
