"""Operators over real servers: who takes a conversation over, what they say, what they find, and who is silenced."""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest

from libs.contracts import bus_map, operators
from libs.contracts import session as told
from libs.contracts.channels import parse_subject
from libs.contracts.errors import Conflict, DeskError, Malformed, NotFound
from libs.contracts.knowledge import Source
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.integration.conftest import ALONE
from tests.integration.test_session_life import PERSON
from tests.support.system import System, real_servers
from tests.support.talk import Talk, revocations


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("session")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, folder, ALONE, turn_lease_s=30) as running,
    ):
        yield running


async def refused(code: str, call: object) -> DeskError:
    with pytest.raises(DeskError) as caught:
        await call
    assert caught.value.code == code
    return caught.value


# --- taking over


async def test_taking_over_stops_the_agent_and_claims_a_ticket(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim()
    async with revocations(talk.bus) as heard:
        session = await talk.take_over()
        assert await heard.wait_for(turn) == [("agent_a", 1, False)]
    assert (session.status, session.controller) == ("escalated", "operator")
    assert session.escalation is not None
    assert (session.escalation.operator, session.escalation.reasons) == ("Ann", ["taken_over"])
    assert session.escalation.claimed_at is not None
    assert await talk.session() == session
    for late in (talk.complete(turn), talk.complete(turn, escalation=PERSON), talk.renew(turn), talk.fail(turn)):
        await refused("lease_lost", late)
    assert (await talk.event_names())[-4:] == [
        "session_escalated", "turn_cancelled", "session_status_changed", "control_changed",
    ]  # fmt: skip
    assert (await talk.last("turn_cancelled"))["reason"] == "taken_over"
    assert (await talk.last("session_status_changed"))["controller"] == "operator"
    control = await talk.last("control_changed")
    assert (control["controller"], control["previous"], control["operator"], control["with_status"]) == (
        "operator", "agent", "Ann", True,
    )  # fmt: skip
    page = await talk.events()
    assert (page.controller, page.status, page.last_seq, page.open_turn) == ("operator", "escalated", 1, None)


async def test_a_claim_of_a_waiting_ticket_is_told_without_a_status(talk: Talk) -> None:
    before = await talk.set_status("escalated")
    assert before.controller == "nobody"
    last = (await talk.events()).last_ev_seq
    after = await talk.take_over()
    assert after.escalation is not None
    assert before.escalation is not None
    assert after.escalation.ticket_id == before.escalation.ticket_id
    assert await talk.event_names(last) == ["control_changed"]
    assert (await talk.last("control_changed"))["with_status"] is False
    assert await talk.take_over() == after
    assert (await talk.events()).last_ev_seq == last + 1


async def test_only_by_force_is_it_taken_from_another(talk: Talk) -> None:
    await talk.take_over("Ann")
    assert "Ann" in (await refused("claimed_by_another", talk.take_over("Bob"))).detail
    session = await talk.take_over("Bob", force=True)
    assert session.escalation is not None
    assert session.escalation.operator == "Bob"
    await refused("not_in_control", talk.reply("still me?", "Ann"))
    await talk.reply("me now", "Bob")


async def test_of_twenty_operators_at_once_exactly_one_wins(bus: NatsBus) -> None:
    for number in range(5):
        talk = Talk(bus)
        await talk.open()
        if number % 2:
            await talk.set_status("escalated")
        names = [f"operator_{each}" for each in range(20)]
        results = await asyncio.gather(*(talk.take_over(name) for name in names), return_exceptions=True)
        won = [result for result in results if isinstance(result, told.Session)]
        lost = [result for result in results if isinstance(result, Conflict)]
        assert (len(won), len(lost)) == (1, 19)
        assert {fault.code for fault in lost} == {"claimed_by_another"}
        session = await talk.session()
        assert session == won[0]
        assert session.escalation is not None
        winner = session.escalation.operator
        assert winner == names[results.index(won[0])]
        assert all(str(winner) in fault.detail for fault in lost)
        told_of = await talk.event_names()
        assert (told_of.count("control_changed"), told_of.count("session_escalated")) == (2 if number % 2 else 1, 1)


async def test_after_a_takeover_no_answer_of_the_agent_is_stored(bus: NatsBus) -> None:
    """Raced a thousand times: whichever commits first, nothing of the agent's stands after the takeover."""
    outcomes: list[bool] = []
    for number in range(40):
        talks = {talk.id: talk for talk in (Talk(bus, f"tenant_takeover_{number}") for _ in range(25))}
        await asyncio.gather(*(talk.open() for talk in talks.values()))
        await asyncio.gather(*(talk.post("hello") for talk in talks.values()))
        turns = await claim_all(bus, set(talks))
        outcomes += await asyncio.gather(*(race(talks[turn.session_id], turn) for turn in turns))
    assert len(outcomes) == 1000
    assert len(set(outcomes)) == 2, "one side always won: nothing was raced"


async def claim_all(bus: NatsBus, session_ids: set[str]) -> list[told.ClaimedTurn]:
    """Claim the turns of all these sessions."""
    found: list[told.ClaimedTurn] = []
    async with asyncio.timeout(10):
        while len(found) < len(session_ids):
            request = told.ClaimTurn(agent_id="agent_a", claim_id=mint("claim"))
            turn = (await bus.call(bus_map.CLAIM_TURN, request, tenant="any")).turn
            if turn and turn.session_id in session_ids:
                found.append(turn)
    return found


async def race(talk: Talk, turn: told.ClaimedTurn) -> bool:
    """Take over and complete at once; whether the answer came first."""
    calls = [talk.take_over(), talk.complete(turn)]
    if random.random() < 0.5:
        results = await asyncio.gather(*calls, return_exceptions=True)
    else:
        results = (await asyncio.gather(*reversed(calls), return_exceptions=True))[::-1]
    names = await talk.event_names()
    taken = names.index("control_changed")
    assert "message_added" not in names[taken:]
    if isinstance(results[1], Conflict):
        assert "turn_completed" not in names
        assert (await talk.history()).total == 1
        return False
    assert names.index("turn_completed") < taken
    return True


async def test_an_ended_session_is_not_taken_over(talk: Talk) -> None:
    await talk.set_status("ended")
    with pytest.raises(Malformed) as caught:
        await talk.take_over()
    assert caught.value.code == "session_ended"


async def test_a_session_that_is_not_there_is_told_of_by_every_call(bus: NatsBus) -> None:
    talk = Talk(bus)
    for call in (
        talk.take_over(), talk.reply("x"), talk.release(), talk.resolve(), talk.add_note("x"), talk.notes(),
        talk.cancel(),
    ):  # fmt: skip
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "session_not_found"


# --- replies


async def test_a_reply_is_stored_once_and_told(talk: Talk) -> None:
    await talk.post("hello?")
    session = await talk.take_over()
    assert session.escalation is not None
    replies = await asyncio.gather(*(talk.reply("I am here", client_id="same") for _ in range(5)))
    assert {(reply.message_id, reply.seq) for reply in replies} == {(replies[0].message_id, 2)}
    assert sorted(reply.duplicate for reply in replies) == [False, True, True, True, True]
    assert (replies[0].status, replies[0].ticket_id) == ("escalated", session.escalation.ticket_id)
    stored = (await talk.history()).messages[-1]
    assert (stored.role, stored.status, stored.content, stored.metadata) == (
        "operator", "complete", "I am here", {"operator": "Ann"},
    )  # fmt: skip
    assert (await talk.last("message_added"))["message"]["id"] == stored.id


async def test_a_reply_that_is_repeated_after_the_release_gives_what_was_stored(talk: Talk) -> None:
    await talk.take_over()
    first = await talk.reply("bye", client_id="one")
    await talk.release()
    again = await talk.reply("bye", client_id="one")
    assert (again.message_id, again.duplicate) == (first.message_id, True)


async def test_nobody_replies_without_having_taken_over(talk: Talk) -> None:
    await refused("not_in_control", talk.reply("hello"))
    await talk.set_status("escalated")
    await refused("not_in_control", talk.reply("hello"))
    await talk.set_status("ended")
    await refused("not_in_control", talk.reply("hello"))
    assert (await talk.history()).total == 0


async def test_the_two_sides_do_not_share_client_message_ids(talk: Talk) -> None:
    await talk.post("mine", "same")
    await talk.take_over()
    await refused("client_message_id_taken", talk.reply("theirs", client_id="same"))
    await talk.reply("theirs", client_id="other")
    await refused("client_message_id_taken", talk.post("mine", "other"))


# --- what waits, and giving back


async def test_what_an_operator_answered_is_not_answered_again(talk: Talk) -> None:
    await talk.post("one")
    await talk.claim()
    await talk.post("two")
    await talk.take_over()
    await talk.post("three")
    await talk.reply("all three: yes")
    await talk.release()
    assert (await talk.events()).open_turn is None
    await talk.post("four")
    turn = await talk.claim()
    assert [message.content for message in turn.questions] == ["four"]
    assert [(message.role, message.content) for message in turn.history] == [
        ("user", "one"), ("user", "two"), ("user", "three"), ("operator", "all three: yes"),
    ]  # fmt: skip
    await talk.complete(turn)


async def test_what_nobody_answered_is_answered_after_the_release(talk: Talk) -> None:
    await talk.post("one")
    stopped = await talk.claim()
    await talk.post("two")
    await talk.take_over()
    messages = (await talk.history()).messages
    assert [message.turn_id for message in messages] == [None, None]
    await talk.post("three")
    session = await talk.release()
    assert (session.status, session.controller, session.escalation) == ("active", "agent", None)
    turn = await talk.claim()
    assert turn.turn_id != stopped.turn_id
    assert turn.epoch > stopped.epoch
    assert [message.content for message in turn.questions] == ["one", "two", "three"]
    await refused("lease_lost", talk.complete(stopped))
    await talk.complete(turn)
    answered = [message.turn_id for message in (await talk.history()).messages]
    assert set(answered) == {turn.turn_id}


async def test_a_release_without_an_answer_leaves_it_at_that(talk: Talk) -> None:
    await talk.take_over()
    await talk.post("one")
    await talk.release(answer=False)
    assert (await talk.events()).open_turn is None
    await talk.post("two")
    turn = await talk.claim()
    assert [message.content for message in turn.questions] == ["two"]
    assert [message.content for message in turn.history] == ["one"]
    await talk.complete(turn)


async def test_resolving_ends_the_conversation_and_closes_the_ticket(talk: Talk) -> None:
    await talk.post("one")
    taken = (await talk.take_over()).escalation
    assert taken is not None
    session = await talk.resolve()
    assert (session.status, session.controller, session.escalation) == ("ended", "nobody", None)
    packet = await talk.ticket(taken.ticket_id)
    assert (packet.ticket.status, packet.ticket.operator) == ("closed", "Ann")
    assert packet.ticket.closed_at is not None
    assert (await talk.event_names())[-2:] == ["session_status_changed", "control_changed"]
    await refused("session_ended", talk.post("more"))


@pytest.mark.parametrize("close", [Talk.release, Talk.resolve])
async def test_who_may_close(talk: Talk, close: object) -> None:
    await talk.take_over("Bob")
    await refused("claimed_by_another", close(talk))
    closed = await close(talk, "Bob")
    names = await talk.event_names()
    assert await close(talk, "Bob") == closed, "asking twice, as the bus does where a reply is lost, is asking once"
    assert await talk.event_names() == names


async def test_what_is_not_in_peoples_hands_is_not_given_back(talk: Talk) -> None:
    await refused("not_escalated", talk.resolve())
    await talk.take_over()
    await talk.resolve()
    await refused("not_escalated", talk.release())


@pytest.mark.parametrize("close", [Talk.release, Talk.resolve])
async def test_what_nobody_has_claimed_anybody_closes(talk: Talk, close: object) -> None:
    await talk.set_status("escalated")
    assert (await close(talk)).escalation is None


async def test_escalating_again_is_another_ticket(talk: Talk) -> None:
    first = (await talk.take_over()).escalation
    await talk.release()
    second = (await talk.take_over()).escalation
    assert first is not None
    assert second is not None
    assert first.ticket_id != second.ticket_id
    epochs = [
        msgspec.json.decode(event.payload)["epoch"]
        for event in (await talk.events()).events
        if event.type == "control_changed"
    ]
    assert epochs == [1, 2, 3]


# --- notes


async def test_notes_are_kept_once_and_for_operators_only(talk: Talk) -> None:
    note_id = mint("note")
    noted = await asyncio.gather(*(talk.add_note("a careful customer", note_id) for _ in range(5)))
    assert {note.note_id for note in noted} == {note_id}
    assert len(set(noted)) == 1
    await talk.set_status("ended")
    later = await talk.add_note("all done", operator="Bob")
    assert await talk.notes() == [noted[0], later]
    names = await talk.event_names()
    assert names.count("note_added") == 2
    assert (await talk.history()).total == 0
    assert await Talk(talk.bus).open()


async def test_the_same_note_id_in_another_session_is_another_note(talk: Talk) -> None:
    other = Talk(talk.bus)
    await other.open()
    await talk.add_note("here", "note_1")
    await other.add_note("there", "note_1")
    assert [note.content for note in await talk.notes() + await other.notes()] == ["here", "there"]


# --- what a ticket tells


async def test_a_packet_tells_why_what_was_tried_and_what_was_said(talk: Talk) -> None:
    source = Source(content="a passage", metadata={"document_id": "doc_1", "chunk": 0}, relevance_score=0.5, rank=1)
    await talk.post("Where is my parcel?")
    answer = told.Answer(content="On its way.", confidence=0.6, sources=[source])
    await talk.complete(await talk.claim(), answer=answer)
    for number in range(25):
        await talk.post(f"question {number}")
        await talk.answer(f"answer {number}")
    await talk.post("a lawyer!")
    final = told.Answer(content="Somebody will come.", confidence=0.9, sources=[source], escalation=PERSON)
    await talk.complete(await talk.claim(), answer=final)
    ticket = (await talk.session()).escalation
    assert ticket is not None
    await talk.add_note("knows the law")
    await talk.post("hurry")
    packet = await talk.ticket(ticket.ticket_id)
    assert packet.ticket == ticket
    assert packet.session.session_id == talk.id
    assert packet.summary == (
        "Handed over for: asked for person (category general, priority high). The conversation has 54 messages. "
        'First question: "Where is my parcel?" Last question: "a lawyer!" '
        'The agent last answered (confidence 0.90): "Somebody will come."'
    )
    assert packet.sources == [source]
    assert [message.seq for message in packet.messages] == list(range(36, 56))
    assert [note.content for note in packet.notes] == ["knows the law"]
    assert (await talk.last("session_escalated"))["summary"] == packet.summary


async def test_score_and_evidence_come_back_with_the_ticket_everywhere(talk: Talk) -> None:
    await talk.post("I will sue you")
    said = ["I will\n  sue you", *("x" * 250 for _ in range(6))]
    why = told.Escalation(reasons=["legal"], category="legal", priority="urgent", score=0.87, evidence=said)
    await talk.complete(await talk.claim(), escalation=why)
    kept = ["I will sue you", *(["x" * 199 + "…"] * 4)]
    ticket = (await talk.session()).escalation
    assert ticket is not None
    assert (ticket.score, ticket.evidence) == (0.87, kept)
    packet = await talk.ticket(ticket.ticket_id)
    assert (packet.ticket, packet.session.escalation) == (ticket, ticket)
    assert 'Evidence: "I will sue you"; "xxx' in packet.summary
    assert ticket in (await talk.tickets(status="open", limit=100)).tickets
    for name in ("session_escalated", "turn_completed"):
        told_of = (await talk.last(name))["ticket"]
        assert (told_of["score"], told_of["evidence"]) == (0.87, kept)
    claimed = (await talk.take_over()).escalation
    assert claimed is not None
    assert (claimed.score, claimed.evidence) == (0.87, kept)
    assert (await talk.session()).escalation == claimed
    await talk.release()
    closed = (await talk.ticket(ticket.ticket_id)).ticket
    assert (closed.status, closed.score, closed.evidence) == ("closed", 0.87, kept)
    by_hand = (await talk.set_status("escalated")).escalation
    assert by_hand is not None
    assert (by_hand.score, by_hand.evidence) == (1.0, [])


async def test_a_ticket_that_is_not_there_or_another_tenants_is_not_found(talk: Talk) -> None:
    ticket = (await talk.take_over()).escalation
    assert ticket is not None
    await refused("ticket_not_found", talk.ticket(mint("tick")))
    await refused("ticket_not_found", Talk(talk.bus, "somebody_else").ticket(ticket.ticket_id))
    await talk.delete()
    await refused("ticket_not_found", talk.ticket(ticket.ticket_id))


async def test_the_stream_tells_of_operators_too(talk: Talk) -> None:
    await talk.take_over()
    await talk.add_note("x")
    await talk.resolve()
    wanted = await talk.event_names()
    subscription = await talk.bus.jetstream.subscribe(f"desk.evt.*.*.*.*.{talk.id}", ordered_consumer=True)
    seen = [parse_subject((await subscription.next_msg(timeout=5)).subject).name for _ in wanted]
    assert seen == wanted
    await subscription.unsubscribe()


# --- the queue


async def queue_of(bus: NatsBus, tenant: str, priorities: list[told.Priority]) -> dict[str, Talk]:
    """Hand over conversations with these priorities, one after the other; by ticket."""
    made: dict[str, Talk] = {}
    for priority in priorities:
        talk = Talk(bus, tenant)
        await talk.open()
        await talk.post("help")
        await talk.answer("soon", escalation=told.Escalation(reasons=["legal"], category="legal", priority=priority))
        ticket = (await talk.session()).escalation
        assert ticket is not None
        made[ticket.ticket_id] = talk
    return made


def place(ticket: told.Ticket) -> tuple[int, datetime, str]:
    return (["urgent", "high", "normal", "low"].index(ticket.priority), ticket.created_at, ticket.ticket_id)


async def pages(talk: Talk, between: object = None, **fields: object) -> list[told.Ticket]:
    """All pages of a list, with something happening between any two."""
    found: list[told.Ticket] = []
    mark: operators.TicketMark | None = None
    while True:
        page = await talk.tickets(after=mark, **fields)
        assert page.tickets or not page.more
        found += page.tickets
        if not page.more:
            return found
        last = page.tickets[-1]
        mark = operators.TicketMark(last.priority, last.created_at, last.ticket_id)
        if between:
            await between()


async def test_the_queue_has_the_most_urgent_first_and_of_these_the_oldest(bus: NatsBus) -> None:
    tenant = "tenant_of_queue"
    made = await queue_of(bus, tenant, ["low", "urgent", "normal", "high", "urgent", "low", "high", "normal"])
    talk = next(iter(made.values()))
    whole = await talk.tickets(limit=100)
    assert [ticket.priority for ticket in whole.tickets] == [
        "urgent", "urgent", "high", "high", "normal", "normal", "low", "low",
    ]  # fmt: skip
    assert [place(ticket) for ticket in whole.tickets] == sorted(place(ticket) for ticket in whole.tickets)
    assert {ticket.ticket_id for ticket in whole.tickets} == set(made)
    assert (whole.total, whole.more) == (8, False)
    assert (await talk.tickets(limit=8)).more is False
    assert (await talk.tickets(limit=7)).more is True
    for limit in (1, 3, 4):
        assert await pages(talk, limit=limit) == whole.tickets
    first = await talk.tickets(limit=3)
    last = first.tickets[-1]
    mark = operators.TicketMark(last.priority, last.created_at, last.ticket_id)
    assert (await talk.tickets(limit=3, after=mark)).total == 8


async def test_the_queue_is_filtered_by_status_and_by_who_has_claimed(bus: NatsBus) -> None:
    made = await queue_of(bus, "tenant_of_filters", ["normal"] * 4)
    [waits, claimed, released, unclaimed_and_ended] = made.values()
    await claimed.take_over("Ann")
    await released.take_over("Ann")
    await released.release("Ann")
    await unclaimed_and_ended.resolve("Bob")

    async def found(**fields: object) -> set[str]:
        page = await waits.tickets(**fields)
        assert page.total == len(page.tickets)
        return {ticket.session_id for ticket in page.tickets}

    assert await found() == {talk.id for talk in made.values()}
    assert await found(status="open") == {waits.id, claimed.id}
    assert await found(status="open", claimed=False) == {waits.id}
    assert await found(status="open", claimed=True) == {claimed.id}
    assert await found(status="closed") == {released.id, unclaimed_and_ended.id}
    assert await found(claimed=True) == {claimed.id, released.id}
    assert (await Talk(bus, "nobody_here").tickets()) == operators.TicketPage([], 0)


async def test_pages_of_the_queue_are_disjoint_while_tickets_come_and_are_claimed(bus: NatsBus) -> None:
    tenant = "tenant_of_pages"
    order: list[told.Priority] = ["low", "urgent", "normal", "high"]
    made = await queue_of(bus, tenant, order * 3)
    talk = next(iter(made.values()))

    async def meanwhile() -> None:
        await queue_of(bus, tenant, order)
        await next(iter(made.values())).take_over("Ann")

    found = [ticket.ticket_id for ticket in await pages(talk, meanwhile, limit=3)]
    assert len(found) == len(set(found))
    assert set(made) <= set(found)
