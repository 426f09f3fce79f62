"""Withdrawal: what is stored of an answer that the customer stopped while it carried out what colleagues had allowed.

What was done stays done: it is told, or a person finds out whether it was.
"""

import asyncio
from typing import Protocol

from msgspec.structs import replace

from libs.contracts.session import Answer, ClaimedTurn, Escalation
from services.agent.domain import actions, languages, replies
from services.agent.domain.steps import Step

# How long the outcomes may take together, in seconds; the session service waits for one second.
_PATIENCE_S = 0.6


class Outcomes(Protocol):
    """Knows what came of allowed actions."""

    async def outcome(self, tenant: str, approval_id: str) -> Step | None:
        """Give an action with its result, once it is not under way here any more; None where nobody knows."""
        ...


async def with_outcomes(told: Answer, turn: ClaimedTurn, outcomes: Outcomes | None) -> Answer:
    """Add to a stopped answer what came of the turn's allowed actions, and ask for a person where that is not known."""
    allowed = list(filter(actions.allows, actions.decisions(turn.questions)))
    if not allowed:
        return told
    ids = [str(decision.metadata["approval_id"]) for decision in allowed]
    known = await _known(turn.tenant, ids, outcomes)
    language = languages.spoken([*turn.history, *turn.questions]).ours
    said, called = [told.content] if told.content else [], None
    for step in known.values():
        if step.result and step.result.escalation:
            called = actions.merged(called, step.result.escalation)
        elif step.result:
            about = (actions.details(step.call.arguments) or step.call.name) if len(allowed) > 1 else ""
            said.append(replies.decided("approved", language, done=not step.result.failed, about=about))
    unknown = [actions.tool_of(decision) for decision, name in zip(allowed, ids, strict=True) if name not in known]
    if unknown:
        called = actions.merged(actions.unconfirmed(unknown), called)
        said.append(replies.unconfirmed(language))
    elif called:
        said.append(replies.handing_over(language))
    return replace(told, content="\n\n".join(said), escalation=called, metadata=told.metadata | _kind(called))


def _kind(called: Escalation | None) -> dict[str, str]:
    return {"kind": "hand_over"} if called else {}


async def _known(tenant: str, ids: list[str], outcomes: Outcomes | None) -> dict[str, Step]:
    """Give the actions whose outcome is known in time, by their approvals' ids."""
    if outcomes is None:
        return {}
    asking = {name: asyncio.create_task(outcomes.outcome(tenant, name)) for name in ids}
    await asyncio.wait(asking.values(), timeout=_PATIENCE_S)
    known: dict[str, Step] = {}
    for name, task in asking.items():
        if not task.done():
            task.cancel()
        elif (step := task.result()) is not None and step.result is not None:
            known[name] = step
    return known
