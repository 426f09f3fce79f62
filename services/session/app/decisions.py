"""What colleagues have decided about actions that the agent asked for."""

from libs.contracts.agent import ApprovalDecided
from libs.contracts.context import Context
from libs.contracts.ids import TURN
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain.decisions import decision_of
from .use_cases import UseCases


class Decisions(UseCases):
    """What the agent's events ask for."""

    async def tell_decision(self, event: ApprovalDecided, ctx: Context) -> None:
        """Tell a decision in its conversation, once for each approval, and have the agent answer it.

        A session that is gone or has ended is told nothing.

        Raises:
            Malformed: `bad_approval`.
        """
        decision = decision_of(event.approval)
        async with self._store.begin() as records:
            conversation = await records.lock(ctx.tenant, ctx.key, now())
            if conversation is None or await records.message_by_id(ctx.key, decision.message_id):
                return
            conversation.tell_decision(decision, mint(TURN), ctx.traceparent)
            await records.save(conversation)
        await self._herald.tell(conversation)
