"""The trials: each puts a stage under load, does its worst, and gives what came of it. Tests run them short, `make chaos` long."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from tests.support.timing import Death

from .load import Load, Plan
from .report import Outcome, outcome
from .stage import Stage

QUIET_S = 45.0


async def under_load(
    stage: Stage, plan: Plan, trouble: Callable[[Load], Awaitable[Sequence[Death]]],
    doors: Sequence[str] | None = None, patience: float = QUIET_S,
) -> Outcome:  # fmt: skip
    """Let a load talk while there is trouble, wait until it is quiet, and check everything.

    Args:
        trouble: does its worst and gives the agents that it killed.
        doors: where clients connect, where not at the gateways themselves.
        patience: how long to wait for quiet.
    """
    async with Load.on(plan, doors or stage.doors, stage.nats_url) as load:
        load.begin()
        deaths = await trouble(load)
        await load.stop()
        quiet_s = await load.settle(patience)
        return outcome(
            await load.evidence(), quiet_s, deaths=deaths, breaks=sum(device.breaks for device in load.devices),
            refusals=sum((device.refusals for device in load.devices), Counter()),
        )  # fmt: skip
