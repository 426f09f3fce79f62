"""Answers that are called off: by their customer, by a further message, by the clock, over real servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.errors import Conflict, NotFound
from libs.contracts.health import AskHealth
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.integration.conftest import ALONE
from tests.support.system import System, real_servers
from tests.support.talk import TENANT, Talk, revocations

PERSON = told.Escalation(reasons=["asked_for_person"])


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("session")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, folder, ALONE, turn_lease_s=30) as running,
    ):
        yield running


async def sealed(talk: Talk, within: float) -> told.Message:
    """Wait for the message of a turn that was called off."""
    async with asyncio.timeout(within):
        while True:
            messages = (await talk.history()).messages
            if found := [message for message in messages if message.role == "assistant"]:
                return found[-1]
            await asyncio.sleep(0.02)


# --- cancel


async def test_with_no_turn_there_is_nothing_to_cancel(talk: Talk) -> None:
    assert await talk.cancel() == told.Cancellation(state="idle")
    assert (await talk.events()).last_ev_seq == 1


async def test_an_unknown_session_or_turn_is_told(talk: Talk) -> None:
    with pytest.raises(NotFound) as caught:
        await Talk(talk.bus).cancel()
    assert caught.value.code == "session_not_found"
    foreign = await foreign_turn(talk)
    await talk.post("hello")
    for turn_id in (mint("turn"), foreign.turn_id):
        with pytest.raises(NotFound) as caught:
            await talk.cancel(turn_id)
        assert caught.value.code == "turn_not_found"
    assert (await talk.cancel()).state == "cancelled"


async def foreign_turn(talk: Talk) -> told.ClaimedTurn:
    other = Talk(talk.bus)
    await other.open()
    await other.post("hello")
    turn = await other.claim()
    await other.complete(turn)
    return turn


async def test_a_turn_that_nobody_holds_is_cancelled_at_once(talk: Talk) -> None:
    await talk.post("hello")
    opened = (await talk.events()).open_turn
    assert opened is not None
    assert await talk.cancel(opened.turn_id) == told.Cancellation(state="cancelled", turn_id=opened.turn_id)
    message = (await talk.history()).messages[-1]
    assert (message.role, message.status, message.content, message.turn_id) == (
        "assistant", "cancelled", "", opened.turn_id,
    )  # fmt: skip
    assert (await talk.event_names())[-2:] == ["message_added", "turn_cancelled"]
    assert (await talk.last("turn_cancelled"))["reason"] == "cancelled"
    assert (await talk.events()).open_turn is None
    assert await talk.cancel(opened.turn_id) == told.Cancellation(state="idle", turn_id=opened.turn_id)


async def test_the_agent_says_how_far_it_came_and_what_waited_is_next(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    await talk.post("two")
    async with revocations(talk.bus) as heard:
        for _ in range(2):  # asking twice is as good as once
            assert await talk.cancel() == told.Cancellation(state="cancelling", turn_id=turn.turn_id)
        assert (await heard.wait_for(turn))[0] == ("agent_a", 1, True)
    opened = (await talk.events()).open_turn
    assert opened is not None
    assert (opened.turn_id, opened.agent_id) == (turn.turn_id, "agent_a")
    settled = await talk.complete(turn, "half an ans", outcome="cancelled")
    assert settled.status == "cancelled"
    assert settled.message is not None
    assert (settled.message.status, settled.message.content) == ("cancelled", "half an ans")
    told_of = await talk.last("turn_cancelled")
    assert (told_of["reason"], told_of["answers_seq"]) == ("cancelled", [1])
    assert told_of["message"]["id"] == settled.message.id
    following = await talk.claim()
    assert [message.content for message in following.questions] == ["two"]
    assert [message.content for message in following.history] == ["one", "half an ans"]
    await talk.complete(following)


async def test_a_cancelled_completion_that_is_repeated_gives_the_same(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    await talk.cancel()
    message_id = mint("msg")
    first = await talk.complete(turn, "half", outcome="cancelled", message_id=message_id)
    assert await talk.complete(turn, "half", outcome="cancelled", message_id=message_id) == first
    assert (await talk.history()).total == 2


async def test_a_whole_answer_that_comes_while_cancelling_is_stored_as_cancelled(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    await talk.cancel()
    settled = await talk.complete(turn, "the whole answer")
    assert settled.message is not None
    assert (settled.status, settled.message.status, settled.message.content) == (
        "cancelled", "cancelled", "the whole answer",
    )  # fmt: skip


async def test_a_wish_for_a_person_is_honoured_even_while_cancelling(talk: Talk) -> None:
    await talk.post("a person!")
    turn = await talk.claim()
    await talk.cancel()
    settled = await talk.complete(turn, "Somebody will come.", escalation=PERSON)
    assert settled.status == "completed"
    assert (await talk.session()).status == "escalated"


async def test_an_agent_that_says_nothing_is_sealed_empty_after_a_second_and_then_refused(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    async with revocations(talk.bus) as heard:
        began = time.monotonic()
        await talk.cancel()
        message = await sealed(talk, within=5)
        assert 0.95 < time.monotonic() - began < 2.5
        assert (await heard.wait_for(turn, 2))[1] == ("agent_a", 1, False)
    assert (message.status, message.content) == ("cancelled", "")
    for late in (
        talk.complete(turn),
        talk.complete(turn, outcome="cancelled"),
        talk.complete(turn, escalation=PERSON),
        talk.fail(turn),
        talk.renew(turn),
    ):
        with pytest.raises(Conflict) as caught:
            await late
        assert caught.value.code == "lease_lost"
    assert (await talk.history()).total == 2


async def test_nobody_else_gets_a_turn_that_is_being_cancelled_and_giving_it_back_seals_it(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    await talk.cancel()
    settled = await talk.fail(turn, counted=False)
    assert settled.status == "cancelled"
    assert settled.message is not None
    assert settled.message.content == ""
    await asyncio.sleep(1.2)  # the timer finds nothing to do
    assert (await talk.event_names()).count("turn_cancelled") == 1


async def test_cancelling_and_completing_at_once_stores_one_answer(bus: NatsBus) -> None:
    """Whichever comes first: there is one final message, and the reply says which."""

    async def race(number: int) -> None:
        talk = Talk(bus, f"tenant_race_{number}")
        await talk.open()
        await talk.post("one")
        turn = await talk.claim()
        cancelled, completed = await asyncio.gather(talk.cancel(), talk.complete(turn, "whole"))
        assert completed.message is not None
        expected = {"completed": "idle", "cancelled": "cancelling"}[completed.status]
        assert cancelled.state == expected
        messages = (await talk.history()).messages
        assert [message.content for message in messages] == ["one", "whole"]

    for number in range(30):
        await race(number)


async def test_a_person_takes_over_while_the_agent_is_told_to_stop(talk: Talk) -> None:
    await talk.post("one")
    turn = await talk.claim()
    await talk.cancel()
    await talk.take_over()
    assert (await talk.event_names())[-5:] == [
        "message_added", "session_escalated", "turn_cancelled", "session_status_changed", "control_changed",
    ]  # fmt: skip
    assert (await talk.last("turn_cancelled"))["reason"] == "cancelled"
    with pytest.raises(Conflict):
        await talk.complete(turn, outcome="cancelled")
    await talk.release()
    assert (await talk.events()).open_turn is None  # the customer had called it off


# --- where the process that took the cancel dies


async def test_another_process_seals_what_was_cancelled_before_a_death(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with started(tmp_path_factory, turn_lease_s=30) as (running, bus):
        talk = Talk(bus)
        await talk.open()
        await talk.post("one")
        turn = await talk.claim()
        assert (await talk.cancel()).state == "cancelling"
        running.kill("session", 0)
        running.start("session", 1)
        await bus.call(bus_map.SESSION_HEALTH, AskHealth(), tenant=TENANT, timeout=30)
        message = await sealed(talk, within=10)
        assert (message.status, message.content, message.turn_id) == ("cancelled", "", turn.turn_id)
        with pytest.raises(Conflict):
            await talk.complete(turn)


@asynccontextmanager
async def started(folders: pytest.TempPathFactory, **settings: object) -> AsyncIterator[tuple[System, NatsBus]]:
    """A session service of its own, with these settings, over a database that nobody else uses meanwhile."""
    folder = folders.mktemp("session")
    with real_servers(folder / "servers") as own, System(own, folder, folder, ALONE, **settings) as running:
        async with NatsBus.connect(running.environment["DESKBUS_NATS_URL"], "test") as bus:
            await bus.call(bus_map.SESSION_HEALTH, AskHealth(), tenant=TENANT, timeout=30)
            yield running, bus


# --- supersede


async def test_a_further_message_supersedes_the_answer_under_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with (
        started(tmp_path_factory, turn_policy="supersede", turn_lease_s=30) as (_, bus),
        revocations(bus) as heard,
    ):
        talk = Talk(bus)
        await talk.open()
        await talk.post("one")
        first = await talk.claim()
        await talk.post("two")
        assert await heard.wait_for(first) == [("agent_a", 1, False)]
        with pytest.raises(Conflict):
            await talk.complete(first)
        told_of = await talk.last("turn_cancelled")
        assert (told_of["reason"], told_of.get("message")) == ("superseded", None)
        await talk.post("three")  # while nobody has claimed the second
        turn = await talk.claim()
        assert [message.content for message in turn.questions] == ["one", "two", "three"]
        await talk.cancel()
        await talk.post("four")  # what the customer has called off is not begun again
        await talk.complete(turn, "half", outcome="cancelled")
        last = await talk.claim()
        assert [message.content for message in last.questions] == ["four"]
        await talk.complete(last)
        assert [message.role for message in (await talk.history()).messages] == [
            "user", "user", "user", "user", "assistant", "assistant",
        ]  # fmt: skip


# --- the window


async def test_what_arrives_in_the_window_is_answered_together(tmp_path_factory: pytest.TempPathFactory) -> None:
    window_s = 1.0
    async with started(tmp_path_factory, turn_window_ms=1000, turn_lease_s=30) as (_, bus):
        rung: list[float] = []

        async def on_ring(_: told.TurnReady, __: object) -> None:
            rung.append(time.monotonic())

        subscription = await bus.listen(bus_map.TURN_READY, on_ring)
        await bus.ping()
        talk = Talk(bus)
        await talk.open()
        began = time.monotonic()
        await talk.post("one")
        asked = told.ClaimTurn(agent_id="agent_a", claim_id=mint("claim"))
        assert (await bus.call(bus_map.CLAIM_TURN, asked, tenant=TENANT)).turn is None
        await talk.post("two")
        messages = (await talk.history()).messages
        assert len({message.turn_id for message in messages}) == 1
        assert messages[0].turn_id is not None
        turn = await talk.claim(patience_s=5)
        assert time.monotonic() - began >= window_s
        assert [message.content for message in turn.questions] == ["one", "two"]
        assert (await talk.last("turn_started"))["answers_seq"] == [1, 2]
        await asyncio.sleep(0.2)
        assert window_s <= rung[0] - began < window_s + 0.9  # by the timer, not by the sweeper's next round
        await talk.post("three")  # after the claim: the next turn's
        await talk.complete(turn)
        following = await talk.claim(patience_s=5)
        assert [message.content for message in following.questions] == ["three"]
        await talk.complete(following)
        await subscription.unsubscribe()


async def test_after_the_window_a_message_waits_and_a_person_or_a_cancel_needs_no_window(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    window_s = 2.0
    async with started(tmp_path_factory, turn_window_ms=2000, turn_lease_s=30) as (_, bus):
        talk = Talk(bus)
        await talk.open()
        await talk.post("one")
        await asyncio.sleep(window_s + 0.1)
        await talk.post("two")  # nobody has claimed the first, but its window is over
        turn = await talk.claim()
        assert [message.content for message in turn.questions] == ["one"]
        await asyncio.sleep(window_s)
        began = time.monotonic()
        await talk.complete(turn)
        following = await talk.claim()
        assert [message.content for message in following.questions] == ["two"]
        assert time.monotonic() - began < window_s  # it has waited longer than a window already
        await talk.complete(following)
        await talk.post("three")
        assert (await talk.cancel()).state == "cancelled"
        await talk.post("four")
        await talk.take_over()
        await talk.release()
        released = await talk.claim()
        assert [message.content for message in released.questions] == ["four"]
        await talk.complete(released)


# --- the deadline


async def test_a_turn_past_its_deadline_is_given_up_whoever_holds_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with (
        started(tmp_path_factory, turn_deadline_s=2.0, turn_lease_s=30) as (_, bus),
        revocations(bus) as heard,
    ):
        held, unheld, quick = Talk(bus), Talk(bus), Talk(bus)
        for talk in (held, unheld, quick):
            await talk.open()
        await quick.post("in time")
        await quick.complete(await quick.claim())
        await held.post("hello")
        turn = await held.claim()
        await held.renew(turn)
        await unheld.post("hello")
        for talk in (held, unheld):
            message = await sealed(talk, within=10)
            assert (message.status, message.confidence) == ("failed", 0.0)
            assert message.metadata["error"]["cause"] == "turn_expired"
            assert (await talk.last("turn_failed"))["code"] == "turn_expired"
        assert await heard.wait_for(turn) == [("agent_a", 1, False)]
        with pytest.raises(Conflict):
            await held.renew(turn)
        with pytest.raises(Conflict):
            await held.complete(turn)
        assert "turn_failed" not in await quick.event_names()
