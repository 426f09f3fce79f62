"""Hand-over, feedback, deletion and clean-up in the session service, over real servers."""

import asyncio

import asyncpg
import msgspec
import pytest

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.errors import Conflict, NotFound, TimedOut, Unavailable
from libs.runtime.clock import now
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
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
    assert events[-5:] == [
        "message_added", "session_escalated", "turn_completed", "session_status_changed", "control_changed",
    ]  # fmt: skip


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
    assert (await set_status(talk, "active")).escalation is None
    assert (await talk.events()).open_turn is None
    second = (await set_status(talk, "escalated")).escalation
    assert second is not None
    assert second.ticket_id != first.ticket_id


async def test_what_nobody_answered_is_answered_by_the_agent_after_the_return(talk: Talk) -> None:
    await talk.post("a person, please")
    turn = await talk.claim()
    await talk.post("hello?")
    request = told.CompleteTurn(
        turn_id=turn.turn_id, attempt=1, epoch=turn.epoch, message_id=mint("msg"),
        answer=told.Answer(content="Somebody will take over.", escalation=PERSON),
    )  # fmt: skip
    await talk.bus.call(bus_map.COMPLETE_TURN, request, tenant=TENANT, key=talk.id)
    await talk.post("anybody?")
    await set_status(talk, "active")
    assert (await talk.events()).open_turn is not None
    turn = await talk.claim()
    assert [message.content for message in turn.questions] == ["hello?", "anybody?"]
    await talk.complete(turn)


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
                  "notes": "session_id", "session_events": "session_id"}  # fmt: skip
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
    await talk.add_note("a secret")
    last = (await talk.events()).last_ev_seq
    await talk.bus.call(bus_map.DELETE_SESSION, told.DeleteSession(), tenant=TENANT, key=talk.id)
    assert await rows_of(system, talk.id) == {
        "sessions": 0, "messages": 0, "turns": 0, "tickets": 0, "notes": 0, "session_events": 1,
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


async def test_r37_a_thousand_tickets_made_at_once_are_unique_and_each_can_be_found(bus: NatsBus) -> None:
    """Every hand-over has an id of its own, is stored, and is told exactly once."""
    talks = [Talk(bus, "tenant_of_r37") for _ in range(1000)]
    for start in range(0, 1000, 100):
        await asyncio.gather(*(talk.open() for talk in talks[start : start + 100]))
    began = now()
    sessions = await asyncio.gather(*(escalate(talk) for talk in talks))
    assert (now() - began).total_seconds() < 60
    tickets = [session.escalation for session in sessions]
    assert len({ticket.ticket_id for ticket in tickets if ticket}) == 1000
    for start in range(0, 1000, 100):
        batch = list(zip(talks, tickets, strict=True))[start : start + 100]
        packets = await asyncio.gather(*(talk.ticket(ticket.ticket_id) for talk, ticket in batch))
        assert [packet.ticket for packet in packets] == [ticket for _, ticket in batch]
        assert [packet.session.session_id for packet in packets] == [talk.id for talk, _ in batch]
        names = await asyncio.gather(*(talk.event_names() for talk, _ in batch))
        assert {told_of.count("session_escalated") for told_of in names} == {1}
    page = await talks[0].tickets(limit=1)
    assert page.total == 1000


async def escalate(talk: Talk) -> told.Session:
    """Escalate, again where the service had too much to do: a status that is there already changes nothing."""
    while True:
        try:
            return await talk.set_status("escalated")
        except (Unavailable, TimedOut):
            await asyncio.sleep(0.1)


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
