"""What colleagues decide about actions, told in conversations over real servers: once, in order, and never lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.agent import Approval, ApprovalDecided
from libs.contracts.channels import encode
from libs.contracts.context import Context
from libs.contracts.errors import NotFound
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from services.session.adapters.postgres import PostgresStore
from services.session.adapters.timers import AsyncTimers
from services.session.app import App
from services.session.domain.conversation import Conversation
from services.session.domain.session import SessionState
from services.session.domain.turn import MOST_QUESTIONS, TurnRules
from tests.integration.conftest import ALONE
from tests.support.remains import remains
from tests.support.system import ROOT, System, real_servers
from tests.support.talk import TENANT, Talk, revocations

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ALLOWED = "A colleague allowed the requested action: Refund an order."


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("session")
    with (
        real_servers(folder / "servers") as servers,
        System(servers, folder, folder, ALONE, turn_lease_s=30) as running,
    ):
        yield running


def approval(talk: Talk, status: str = "approved", **fields: object) -> Approval:
    values = {
        "approval_id": mint("appr"), "session_id": talk.id, "turn_id": mint("turn"), "tool": "refund_order",
        "description": "Refund an order.", "arguments": {"order": "A-1042"}, "status": status, "requested_at": NOON,
        "expires_at": NOON, "operator": "Ann", "decided_at": NOON, **fields,
    }  # fmt: skip
    return Approval(**values)


async def publish(talk: Talk, made: Approval) -> None:
    """Publish a decision as the agent's relay does, under another id each time: the broker takes none for a repeat."""
    subject = bus_map.APPROVAL_DECIDED.subject(talk.tenant, talk.id)
    headers = {"Nats-Msg-Id": mint("each"), "ce-evseq": "7", "traceparent": TRACE}
    await talk.bus.jetstream.publish(subject, encode(ApprovalDecided(made)), headers=headers)


async def decide(talk: Talk, status: str = "approved", **fields: object) -> told.Message:
    """Publish a decision, and give the message that tells of it."""
    made = approval(talk, status, **fields)
    await publish(talk, made)
    async with asyncio.timeout(10):
        while True:
            for message in (await talk.history(limit=200)).messages:
                if message.metadata.get("approval_id") == made.approval_id:
                    return message
            await asyncio.sleep(0.02)


async def all_handled(bus: NatsBus) -> None:
    """Wait until all decisions that were published before are handled: they are handled in their order."""
    last = Talk(bus)
    await last.open()
    await last.set_status("escalated")  # so that it leaves no turn to be claimed
    await decide(last, "refused")


async def dead_letters(bus: NatsBus) -> int:
    return (await bus.jetstream.stream_info("DEADLETTERS")).state.messages


# --- the agent is in charge


async def test_a_decision_is_told_and_answered(talk: Talk) -> None:
    before = (await talk.events()).last_ev_seq
    stored = await decide(talk, comment="Within the 30 days")
    assert (stored.seq, stored.role, stored.status) == (1, "system", "complete")
    assert stored.content == f"{ALLOWED} Comment: Within the 30 days"
    turn = await talk.claim()
    assert stored.turn_id == turn.turn_id
    assert turn.questions == [stored]
    assert turn.traceparent == TRACE
    assert stored.metadata["decision"] == "approved"
    await talk.complete(turn)
    assert await talk.event_names(before) == ["message_added", "turn_started", "message_added", "turn_completed"]
    assert (await talk.last("turn_completed"))["answers_seq"] == [1]
    assert (await talk.history()).total == 2


@pytest.mark.parametrize("status", ["approved", "refused", "expired"])
async def test_a_decision_that_is_delivered_again_is_told_once(talk: Talk, status: str) -> None:
    made = approval(talk, status)
    for _ in range(3):
        await publish(talk, made)
    await all_handled(talk.bus)
    turn = await talk.claim()
    assert [each.metadata["decision"] for each in turn.questions] == [status]
    await talk.complete(turn)
    await publish(talk, made)
    await all_handled(talk.bus)
    assert (await talk.history()).total == 2
    assert (await talk.events()).open_turn is None


async def test_no_client_message_id_takes_the_place_of_a_decision(talk: Talk) -> None:
    made = approval(talk)
    for client_id in (made.approval_id, f"approval:{made.approval_id}", made.approval_id.replace("appr", "msg")):
        await talk.post("mine", client_id)
    await talk.answer()
    await talk.answer()
    await publish(talk, made)
    turn = await talk.claim()
    assert [each.content for each in turn.questions] == [ALLOWED]
    await talk.complete(turn)


async def test_a_decision_waits_for_the_open_turn_and_is_answered_with_what_else_waits(talk: Talk) -> None:
    await talk.post("one")
    first = await talk.claim()
    async with revocations(talk.bus) as heard:
        await decide(talk)
        await talk.post("two")
        assert heard.of(first) == []
    assert (await talk.complete(first)).status == "completed"
    second = await talk.claim()
    assert [each.content for each in second.questions] == [ALLOWED, "two"]
    assert [each.content for each in second.history] == ["one", "an answer"]
    await talk.complete(second)
    await talk.post("three")
    third = await talk.claim()
    assert [each.role for each in third.history] == ["user", "system", "user", "assistant", "assistant"]
    await talk.complete(third)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_decision_is_not_lost_among_many_questions(talk: Talk, more: int) -> None:
    await talk.post("first")
    first = await talk.claim()
    await decide(talk)
    for number in range(MOST_QUESTIONS + more):
        await talk.post(str(number))
    await talk.complete(first)
    turn = await talk.claim()
    assert [each.content for each in turn.questions] == [ALLOWED, *map(str, range(more, MOST_QUESTIONS + more))]
    await talk.complete(turn)


# --- people are in charge


async def test_what_was_allowed_is_carried_out_after_the_release_whatever_people_said(talk: Talk) -> None:
    await talk.take_over()
    await talk.post("are you there?")
    stored = await decide(talk)
    assert stored.turn_id is None
    await decide(talk, "refused")
    assert (await talk.events()).open_turn is None
    await talk.reply("yes")
    await talk.release(answer=False)
    turn = await talk.claim()
    assert [each.content for each in turn.questions] == [ALLOWED]
    assert [each.content for each in turn.history][-1] == "yes"
    await talk.complete(turn)
    assert (await talk.events()).open_turn is None


@pytest.mark.parametrize("status", ["refused", "expired"])
async def test_what_was_not_allowed_is_answered_by_a_persons_reply(talk: Talk, status: str) -> None:
    await talk.take_over()
    await decide(talk, status)
    await talk.reply("sorry")
    await talk.release()
    assert (await talk.events()).open_turn is None


async def test_a_release_takes_up_every_decision_that_nobody_has_answered(talk: Talk) -> None:
    await talk.set_status("escalated")
    await decide(talk, "expired")
    await decide(talk)
    await talk.post("and?")
    await talk.set_status("active")
    turn = await talk.claim()
    assert [each.role for each in turn.questions] == ["system", "system", "user"]
    await talk.complete(turn)


async def test_an_answer_to_a_decision_that_people_stop_is_taken_up_again(talk: Talk) -> None:
    await decide(talk)
    stopped = await talk.claim()
    await talk.take_over()
    await talk.reply("one moment")
    await talk.release(answer=False)
    turn = await talk.claim()
    assert turn.turn_id != stopped.turn_id
    assert [each.content for each in turn.questions] == [ALLOWED]
    await talk.complete(turn)


async def test_a_hand_over_by_the_answer_itself_leaves_a_later_decision_waiting(talk: Talk) -> None:
    await talk.post("a person, please")
    turn = await talk.claim()
    await decide(talk)
    await talk.complete(turn, escalation=told.Escalation(reasons=["asked_for_person"]))
    assert (await talk.events()).open_turn is None
    await talk.release("Ann")
    following = await talk.claim()
    assert [each.content for each in following.questions] == [ALLOWED]
    await talk.complete(following)


# --- a decision that comes too late


async def test_an_ended_session_and_one_that_is_gone_are_told_nothing(talk: Talk) -> None:
    letters = await dead_letters(talk.bus)
    await talk.set_status("ended")
    gone = Talk(talk.bus)
    await gone.open()
    await gone.delete()
    unknown, foreign = Talk(talk.bus), Talk(talk.bus, "another_tenant")
    foreign.id = talk.id
    before = (await talk.events()).last_ev_seq
    for each in (talk, gone, unknown, foreign):
        await publish(each, approval(each))
    await all_handled(talk.bus)
    assert (await talk.events()).last_ev_seq == before
    for each in (gone, unknown):
        with pytest.raises(NotFound):
            await each.session()
    assert await dead_letters(talk.bus) == letters


async def test_what_waits_when_a_session_ends_waits_no_more(talk: Talk, store: App) -> None:
    await talk.take_over()
    await decide(talk)
    await talk.resolve()
    async with store._store.begin() as records:
        assert await records.waiting_seqs(talk.id) == []


async def test_what_is_no_decision_is_kept_with_its_reason(talk: Talk) -> None:
    letters = await dead_letters(talk.bus)
    await publish(talk, approval(talk, "pending"))
    await all_handled(talk.bus)
    assert await dead_letters(talk.bus) == letters + 1
    assert (await talk.history()).total == 0


# --- with the other policy, in this process


class Deaf:
    """Nobody is told."""

    async def tell(self, conversation: Conversation) -> None: ...

    async def ring(self, tenant: str) -> None: ...


class Nothing:
    """Snapshots that keep nothing."""

    async def current(self, tenant: str, session_id: str) -> told.Session | None:
        return None

    def keep(self, state: SessionState) -> None: ...


@pytest.fixture
async def store(system: System) -> AsyncIterator[App]:
    """The use cases with `supersede`, over the same tables."""
    rules = TurnRules(lease_s=30, policy="supersede")
    url = system.environment["DESKBUS_DATABASE_URL"]
    async with Database.connect(url, "session", ROOT / "services/session/sql", pool_size=2) as database:
        yield App(PostgresStore(database, rules), Deaf(), Nothing(), AsyncTimers(), rules)


async def post(store: App, talk: Talk, content: str) -> told.MessagePosted:
    request = told.PostMessage(message_id=mint("msg"), client_message_id=mint("client"), content=content)
    return await store.post_message(request, Context(tenant=TENANT, key=talk.id))


async def test_a_further_message_does_not_supersede_the_answer_to_a_decision(talk: Talk, store: App) -> None:
    await decide(talk)
    turn = await talk.claim()
    await post(store, talk, "and?")
    assert (await talk.complete(turn)).status == "completed"
    following = await talk.claim()
    assert [each.content for each in following.questions] == ["and?"]
    await post(store, talk, "well?")
    assert (await talk.last("turn_cancelled"))["turn_id"] == following.turn_id
    await talk.answer()


async def test_a_decision_supersedes_nothing_and_joins_the_answer_that_does(talk: Talk, store: App) -> None:
    await talk.post("one")
    turn = await talk.claim()
    event = ApprovalDecided(approval(talk))
    context = Context(tenant=TENANT, key=talk.id)
    await asyncio.gather(*(store.tell_decision(event, context) for _ in range(5)))
    page = await talk.events()
    assert page.open_turn is not None
    assert (page.open_turn.turn_id, page.last_seq) == (turn.turn_id, 2)
    await post(store, talk, "three")
    following = await talk.claim()
    assert [each.content for each in following.questions] == ["one", ALLOWED, "three"]
    await talk.complete(following)


# --- deletion


async def test_r42_a_deleted_session_leaves_nothing_of_decisions_and_evidence(talk: Talk, system: System) -> None:
    canary = mint("canary")
    await decide(talk, description=canary, comment=canary)
    why = told.Escalation(reasons=["legal"], evidence=[f"I will sue over {canary}"])
    await talk.complete(await talk.claim(), escalation=why)
    assert await remains(system.environment, [canary]) != []
    await talk.delete()
    async with asyncio.timeout(10):
        # the agent's own events are the agent's to remove
        while [
            place
            for place in await remains(system.environment, [canary])
            if not place.startswith("nats: EVENTS: desk.evt.agent.")
        ]:
            await asyncio.sleep(0.2)
