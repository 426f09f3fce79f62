"""Hand-over, feedback, deletion and clean-up in the session service, over real servers."""

import asyncio

import asyncpg
import msgspec
import pytest

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.errors import Conflict, NotFound
from libs.runtime.ids import mint
from tests.support.system import System
from tests.support.talk import TENANT, Talk

PERSON = told.Escalation(reasons=["asked_for_person"], category="general", priority="high")


async def answer(talk: Talk, content: str = "an answer", escalation: told.Escalation | None = None) -> told.Message:
    turn = await talk.claim()
    request = told.CompleteTurn(
        turn_id=turn.turn_id, attempt=turn.attempt, epoch=turn.epoch, message_id=mint("msg"),
        answer=told.Answer(content=content, escalation=escalation),
    )  # fmt: skip
    settled = await talk.bus.call(bus_map.COMPLETE_TURN, request, tenant=TENANT, key=talk.id)
    assert settled.message is not None
    return settled.message


async def session(talk: Talk) -> told.Session:
    return await talk.bus.call(bus_map.GET_SESSION, told.GetSession(), tenant=TENANT, key=talk.id)


async def set_status(talk: Talk, status: str) -> told.Session:
    return await talk.bus.call(bus_map.SET_STATUS, told.SetStatus(status), tenant=TENANT, key=talk.id)


async def test_an_escalating_answer_hands_over_with_a_stored_ticket(talk: Talk) -> None:
    await talk.post("a person, please")
    message = await answer(talk, "Somebody will take over.", PERSON)
    stored = await session(talk)
    assert stored.status == "escalated"
    assert stored.escalation is not None
    assert (stored.escalation.reasons, stored.escalation.priority) == (["asked_for_person"], "high")
    assert message.metadata["ticket_id"] == stored.escalation.ticket_id
    events = [event.type for event in (await talk.events()).events]
    assert events[-4:] == ["message_added", "session_escalated", "turn_completed", "session_status_changed"]


async def test_r12_an_escalated_session_takes_messages_and_opens_no_turn_and_no_second_ticket(talk: Talk) -> None:
    await talk.post("a person, please")
    await answer(talk, "Somebody will take over.", PERSON)
    ticket = (await session(talk)).escalation
    assert ticket is not None
    posted = await talk.post("are you there?")
    assert (posted.status, posted.ticket_id) == ("escalated", ticket.ticket_id)
    assert (await talk.events()).open_turn is None
    assert (await session(talk)).escalation == ticket


async def test_a_session_that_comes_back_to_the_agent_closes_its_ticket(talk: Talk) -> None:
    first = (await set_status(talk, "escalated")).escalation
    assert first is not None
    await talk.post("for the operator's eyes")
    assert (await set_status(talk, "active")).escalation is None
    assert (await talk.events()).open_turn is None
    second = (await set_status(talk, "escalated")).escalation
    assert second is not None
    assert second.ticket_id != first.ticket_id


async def test_what_waited_when_a_person_took_over_is_not_answered_by_the_agent_later(talk: Talk) -> None:
    await talk.post("a person, please")
    turn = await talk.claim()
    await talk.post("hello?")
    request = told.CompleteTurn(
        turn_id=turn.turn_id, attempt=1, epoch=turn.epoch, message_id=mint("msg"),
        answer=told.Answer(content="Somebody will take over.", escalation=PERSON),
    )  # fmt: skip
    await talk.bus.call(bus_map.COMPLETE_TURN, request, tenant=TENANT, key=talk.id)
    await set_status(talk, "active")
    assert (await talk.events()).open_turn is None
    await talk.post("a new question")
    assert [message.content for message in (await talk.claim()).questions] == ["a new question"]


async def test_the_last_feedback_counts(talk: Talk) -> None:
    await talk.post("hello")
    message = await answer(talk)

    async def rate(message_id: str, rating: str, comment: str | None = None) -> told.Message:
        feedback = told.Feedback(rating=rating, comment=comment)
        request = told.GiveFeedback(message_id=message_id, feedback=feedback)
        return await talk.bus.call(bus_map.GIVE_FEEDBACK, request, tenant=TENANT, key=message_id)

    await rate(message.id, "up")
    await rate(message.id, "down", "wrong")
    stored = (await talk.history()).messages
    assert stored[1].feedback == told.Feedback(rating="down", comment="wrong")
    given = [event for event in (await talk.events()).events if event.type == "feedback_given"]
    assert [msgspec.json.decode(event.payload)["feedback"]["rating"] for event in given] == ["up", "down"]
    for wrong in (stored[0].id, mint("msg")):
        with pytest.raises(NotFound):
            await rate(wrong, "up")


async def rows_of(system: System, session_id: str) -> dict[str, int]:
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        tables = {"sessions": "id", "messages": "session_id", "turns": "session_id", "tickets": "session_id",
                  "session_events": "session_id"}  # fmt: skip
        return {
            table: await connection.fetchval(f"select count(*) from session.{table} where {column} = $1", session_id)
            for table, column in tables.items()
        }
    finally:
        await connection.close()


async def subjects_of(talk: Talk) -> list[str]:
    info = await talk.bus.jetstream.stream_info("EVENTS", subjects_filter=f"desk.evt.*.*.*.*.{talk.id}")
    return [subject.split(".")[3] for subject in info.state.subjects or {}]


async def test_a_deleted_session_leaves_only_the_event_that_says_so(talk: Talk, system: System) -> None:
    await talk.post("hello")
    await answer(talk, "bye", PERSON)
    last = (await talk.events()).last_ev_seq
    await talk.bus.call(bus_map.DELETE_SESSION, told.DeleteSession(), tenant=TENANT, key=talk.id)
    assert await rows_of(system, talk.id) == {
        "sessions": 0, "messages": 0, "turns": 0, "tickets": 0, "session_events": 1,
    }  # fmt: skip
    for _ in range(100):
        if (left := await subjects_of(talk)) == ["session_deleted"]:
            break
        await asyncio.sleep(0.1)
    assert left == ["session_deleted"]
    subscription = await talk.bus.jetstream.subscribe(f"desk.evt.*.*.*.*.{talk.id}", ordered_consumer=True)
    message = await subscription.next_msg(timeout=5)
    assert message.headers is not None
    assert int(message.headers["ce-evseq"]) == last + 1
    await subscription.unsubscribe()
    for call in (talk.history(), talk.events(), talk.post("anybody?"), session(talk)):
        with pytest.raises(NotFound):
            await call


async def test_an_answer_to_a_deleted_session_is_refused(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim()
    await talk.bus.call(bus_map.DELETE_SESSION, told.DeleteSession(), tenant=TENANT, key=talk.id)
    with pytest.raises((NotFound, Conflict)):
        await talk.complete(turn)


async def test_clean_up_takes_what_is_old_and_not_active_in_batches(talk: Talk, system: System) -> None:
    tenant = "tenant_of_clean_up"

    async def make(status: str | None) -> str:
        session_id = mint("sess")
        request = told.OpenSession(session_id=session_id, thread_id=mint("thread"))
        await talk.bus.call(bus_map.OPEN_SESSION, request, tenant=tenant, key=session_id)
        if status:
            await talk.bus.call(bus_map.SET_STATUS, told.SetStatus(status), tenant=tenant, key=session_id)
        return session_id

    ended = [await make("ended") for _ in range(60)]
    active, fresh = await make(None), await make("ended")
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    await connection.execute(
        "update session.sessions set last_activity = now() - interval '31 days' where id = any($1::text[])",
        [*ended, active],
    )
    await connection.close()
    done = await talk.bus.call(bus_map.CLEAN_UP, told.CleanUp(30), tenant=tenant)
    assert done.sessions_deleted == 60
    page = await talk.bus.call(bus_map.LIST_SESSIONS, told.ListSessions(limit=100), tenant=tenant)
    assert {one.session_id for one in page.sessions} == {active, fresh}
    assert (await talk.bus.call(bus_map.CLEAN_UP, told.CleanUp(30), tenant=tenant)).sessions_deleted == 0


async def test_r37_tickets_made_all_at_once_are_unique_and_each_can_be_found(talk: Talk) -> None:
    """Every hand-over has an id of its own, is stored, and is told exactly once."""

    async def escalate() -> tuple[Talk, str]:
        one = Talk(talk.bus)
        await one.open()
        ticket = (await set_status(one, "escalated")).escalation
        assert ticket is not None
        return one, ticket.ticket_id

    made: list[tuple[Talk, str]] = []
    for _ in range(10):
        made += await asyncio.gather(*(escalate() for _ in range(50)))
    assert len({ticket_id for _, ticket_id in made}) == 500
    for one, ticket_id in made[::50]:
        stored = (await session(one)).escalation
        assert stored is not None
        assert stored.ticket_id == ticket_id
        told_of = [event.type for event in (await one.events()).events]
        assert told_of.count("session_escalated") == 1


async def test_r44_messages_sent_side_by_side_keep_their_order_and_open_one_ticket(talk: Talk) -> None:
    """Twenty at once: none lost, dense numbers, every one answered by one turn, and one hand-over at most."""
    await asyncio.gather(*(talk.post(f"message {number}", f"client_{number}") for number in range(20)))
    while (await talk.events()).open_turn is not None:
        await answer(talk, "an answer")
    messages = (await talk.history(limit=200)).messages
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    asked = [message for message in messages if message.role == "user"]
    assert {message.client_message_id for message in asked} == {f"client_{number}" for number in range(20)}
    answered = {message.turn_id for message in messages if message.role == "assistant"}
    assert {message.turn_id for message in asked} == answered
    await asyncio.gather(*(set_status(talk, "escalated") for _ in range(20)))
    told_of = [event.type for event in (await talk.events()).events]
    assert told_of.count("session_escalated") == 1
