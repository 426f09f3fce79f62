"""Broken twins fail the checker that the sound system passes, each for the promise that its missing rule keeps."""

import asyncio
import random
import signal
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.support.system import real_servers
from tests.support.timing import Death

from .load import Load, Plan
from .proxy import BreakingLine
from .report import Outcome
from .stage import Stage
from .trials import under_load

Tell = Callable[[object], None]
SHORT_LEASE_S = 1.0
TWINS = "tests.chaos.twins"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A small system that is sound but for its careless agents; there are no documents, and nobody searches."""
    folder = tmp_path_factory.mktemp("twins")
    few = {"agent": 2, "attachments": 0}
    modules = {"agent": f"{TWINS}.careless_agent", "knowledge": "tests.bench.without_search"}
    with (
        real_servers(folder / "servers") as servers,
        Stage(servers, folder, folder, few, modules, turn_lease_s=SHORT_LEASE_S) as running,
    ):
        yield running


async def pause_agents(stage: Stage, load: Load) -> Sequence[Death]:
    """Stop each agent beyond its leases while it answers, and wake it while another answers."""
    await asyncio.sleep(1)
    for index in (0, 1):
        stage.signal("agent", signal.SIGSTOP, index)
        try:
            await asyncio.sleep(1.6 * SHORT_LEASE_S)
        finally:
            stage.signal("agent", signal.SIGCONT, index)
    return ()


def promises(result: Outcome) -> set[str]:
    return {fault.promise for fault in result.faults}


SLOW = Plan(sessions=8, rate=8, tokens=40, interval_ms=20, copies=1)


async def test_the_fence_alone_holds_off_agents_that_do_not_know_their_lease_is_over(stage: Stage, tell: Tell) -> None:
    stage.cast()
    result = await under_load(stage, SLOW, lambda load: pause_agents(stage, load))
    refused = sum(line.get("outcome") == "refused" for index in (0, 1) for line in stage.lines("agent", index))
    tell(f"{refused} late answers were refused\n{result}")
    assert result.faults == []
    assert refused > 0


async def test_without_the_fence_the_checker_sees_doubled_answers(stage: Stage, tell: Tell) -> None:
    stage.cast(session=f"{TWINS}.session_without_fence")
    result = await under_load(stage, SLOW, lambda load: pause_agents(stage, load), patience=3)
    tell(result.told(2))
    assert "I3" in promises(result)
    assert any("ended 2 times" in fault.words for fault in result.faults)


async def test_without_the_unique_key_the_checker_sees_doubled_messages(stage: Stage, tell: Tell) -> None:
    async def calm(_: Load) -> Sequence[Death]:
        await asyncio.sleep(2)
        return ()

    stage.cast(session=f"{TWINS}.session_without_unique_key")
    result = await under_load(stage, Plan(sessions=6, rate=12, tokens=5, copies=3), calm, patience=3)
    tell(result.told(2))
    assert "I2" in promises(result)
    assert any("is stored" in fault.words for fault in result.faults if fault.promise == "I2")


async def test_without_the_suffix_rule_the_checker_sees_missing_text(stage: Stage, tell: Tell) -> None:
    stage.cast(gateway=f"{TWINS}.gateway_without_suffix")
    async with BreakingLine.before(stage.url, random.Random(1)) as line:

        async def cut(_: Load) -> Sequence[Death]:
            await asyncio.sleep(3)
            line.whole = True
            return ()

        result = await under_load(stage, Plan(sessions=6, rate=8, tokens=40), cut, [line.url], patience=3)
    tell(result.told(2))
    assert "I6" in promises(result)
    assert any(": text:" in fault.words for fault in result.faults)
