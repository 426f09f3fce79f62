"""Processes die, hang and are restarted under load: nothing acknowledged is lost, doubled, out of order or unanswered."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.support.timing import Death

from .device import Closing
from .load import Load, Plan
from .stage import LEASE_S, Stage
from .storm import Storm, restart_each
from .trials import under_load

pytestmark = pytest.mark.usefixtures("whole_again")
Tell = Callable[[object], None]


async def test_a_quiet_load_breaks_no_promise(stage: Stage, seed: int, tell: Tell) -> None:
    """Without faults there is nothing to tell of: what the storms tell of is theirs."""

    async def calm(_: Load) -> Sequence[Death]:
        await asyncio.sleep(2)
        return ()

    result = await under_load(stage, Plan(seed=seed), calm)
    tell(f"seed {seed}\n{result}")
    assert result.faults == []
    assert (result.breaks, result.quiet_s is None) == (0, False)


async def test_a_storm_of_kills_and_pauses_breaks_no_promise(stage: Stage, seed: int, tell: Tell) -> None:
    storm = Storm(stage, seed, longest_pause_s=3 * LEASE_S)

    async def blow(_: Load) -> Sequence[Death]:
        await storm.blow(18)
        return storm.deaths

    result = await under_load(stage, Plan(seed=seed), blow)
    tell(f"seed {seed}: {dict(storm.counts)}\n{result}")
    assert result.faults == [], "\n".join(map(str, storm.deeds))
    assert result.quiet_s is not None


async def test_a_rolling_restart_fails_no_request_and_tells_every_socket(stage: Stage, seed: int, tell: Tell) -> None:
    rounds = [[(name, index) for name in ("gateway", "agent", "session")] for index in (0, 1)]
    closings: list[Closing] = []
    dropped: list[str] = []

    async def restart(load: Load) -> Sequence[Death]:
        await asyncio.sleep(1)
        deeds = await restart_each(stage, rounds)
        await asyncio.sleep(0.5)
        closings.extend(closing for device in load.devices for closing in device.closings)
        dropped.extend(device.screen.view.name for device in load.devices if device.dropped)
        tell("; ".join(map(str, deeds)))
        return ()

    result = await under_load(stage, Plan(seed=seed), restart)
    tell(f"seed {seed}: {len(closings)} sockets closed\n{result}")
    assert result.faults == []
    assert result.quiet_s is not None
    assert len(closings) >= Plan().sessions  # each gateway had about half of twice as many
    assert set(closings) == {Closing(1012, hinted=True)}
    assert dropped == []
