"""The session service over real servers, asked over the bus: order, one answer at a time, leases, fences."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.channels import parse_subject
from libs.contracts.errors import Conflict, Malformed, NotFound
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from tests.integration.conftest import LEASE_S
from tests.support.system import System, real_servers, run_module
from tests.support.talk import TENANT, Talk


async def test_opening_twice_opens_one(bus: NatsBus) -> None:
    talk = Talk(bus)
    first = await talk.open(metadata={"b": 1, "a": [None, 1.5]})
    again = await talk.open(metadata={"other": True})
    assert again == first
    assert first.metadata == {"b": 1, "a": [None, 1.5]}
    assert (await talk.events()).last_ev_seq == 1


async def test_an_idempotency_key_gives_one_session_however_many_ask(bus: NatsBus) -> None:
    key = mint("key")
    sessions = await asyncio.gather(*(Talk(bus).open(idempotency_key=key) for _ in range(10)))
    assert len({session.session_id for session in sessions}) == 1


async def test_a_session_of_another_tenant_is_not_there(talk: Talk) -> None:
    with pytest.raises(NotFound) as caught:
        await talk.bus.call(bus_map.GET_SESSION, told.GetSession(), tenant="somebody_else", key=talk.id)
    assert caught.value.code == "session_not_found"


async def test_a_client_message_id_is_one_message(talk: Talk) -> None:
    replies = await asyncio.gather(*(talk.post("hello", "same") for _ in range(5)))
    assert {(reply.message_id, reply.seq) for reply in replies} == {(replies[0].message_id, 1)}
    assert sorted(reply.duplicate for reply in replies) == [False, True, True, True, True]
    assert (await talk.history()).total == 1
    await talk.complete(await talk.claim())


async def test_seq_and_ev_seq_are_dense_under_concurrency(talk: Talk) -> None:
    await asyncio.gather(*(talk.post(f"message {number}") for number in range(20)))
    history = await talk.history(limit=200)
    assert [message.seq for message in history.messages] == list(range(1, 21))
    page = await talk.events()
    assert [event.ev_seq for event in page.events] == list(range(1, page.last_ev_seq + 1))
    await talk.complete(await talk.claim())
    await talk.complete(await talk.claim())


async def test_messages_that_wait_are_answered_together_by_the_next_turn(talk: Talk) -> None:
    await talk.post("one")
    first = await talk.claim()
    await talk.post("two")
    await talk.post("three")
    settled = await talk.complete(first)
    assert settled.message is not None
    second = await talk.claim()
    assert [message.content for message in second.questions] == ["two", "three"]
    assert [message.content for message in second.history] == ["one", "an answer"]
    await talk.complete(second)
    started = [event for event in (await talk.events()).events if event.type == "turn_started"]
    answers = [msgspec.json.decode(event.payload)["answers_seq"] for event in started]
    assert answers == [[1], [2, 3]]


async def test_a_repeated_claim_gives_the_same_turn(talk: Talk) -> None:
    await talk.post("hello")
    claim_id = mint("claim")
    turn = await talk.claim(claim_id=claim_id)
    assert await talk.claim(claim_id=claim_id) == turn
    await talk.complete(turn)


async def test_a_repeated_completion_stores_one_answer(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim()
    message_id = mint("msg")
    first = await talk.complete(turn, message_id=message_id)
    assert await talk.complete(turn, message_id=message_id) == first
    with pytest.raises(Conflict):
        await talk.complete(turn, "another answer")
    assert (await talk.history()).total == 2


async def test_a_lease_that_ran_out_goes_to_the_next_attempt_and_the_first_is_fenced(talk: Talk) -> None:
    await talk.post("hello")
    first = await talk.claim("agent_a")
    await asyncio.sleep(LEASE_S + 0.1)
    second = await talk.claim("agent_b")
    assert (first.attempt, second.attempt) == (1, 2)
    for late in (talk.complete(first), talk.fail(first)):
        with pytest.raises(Conflict) as caught:
            await late
        assert caught.value.code == "lease_lost"
    with pytest.raises(Conflict):
        renewal = told.RenewLease(turn_id=first.turn_id, attempt=1, agent_id="agent_a")
        await talk.bus.call(bus_map.RENEW_LEASE, renewal, tenant=TENANT, key=talk.id)
    assert (await talk.complete(second)).status == "completed"


async def test_a_renewed_lease_holds(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim("agent_a")
    for _ in range(3):
        await asyncio.sleep(LEASE_S * 0.6)
        renewal = told.RenewLease(turn_id=turn.turn_id, attempt=turn.attempt, agent_id="agent_a")
        await talk.bus.call(bus_map.RENEW_LEASE, renewal, tenant=TENANT, key=talk.id)
    assert (await talk.complete(turn)).status == "completed"


async def test_an_answer_under_an_old_epoch_is_refused(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim()
    with pytest.raises(Conflict) as caught:
        await talk.complete(turn, epoch=turn.epoch + 1)
    assert caught.value.code == "control_changed"
    await talk.complete(turn)


async def test_a_turn_is_sealed_after_five_attempts_and_says_so(talk: Talk) -> None:
    await talk.post("hello")
    for attempt in range(1, 6):
        turn = await talk.claim()
        assert turn.attempt == attempt
        settled = await talk.fail(turn)
    assert settled.status == "failed"
    assert settled.message is not None
    assert (settled.message.status, settled.message.confidence) == ("failed", 0.0)
    assert settled.message.metadata["error"]["retryable"] is True
    await talk.post("again")
    assert (await talk.claim()).attempt == 1


async def test_an_agent_that_drains_costs_no_attempt(talk: Talk) -> None:
    await talk.post("hello")
    for _ in range(7):
        settled = await talk.fail(await talk.claim(), counted=False)
        assert settled.status == "queued"
    await talk.complete(await talk.claim())


async def test_lost_agents_use_up_the_attempts_too(talk: Talk) -> None:
    """A poison message kills whoever takes it: the sweeper seals it after the fifth lease."""
    await talk.post("hello")
    for _ in range(5):
        await talk.claim()
        await asyncio.sleep(LEASE_S)
    for _ in range(100):
        history = await talk.history()
        if history.total == 2:
            break
        await asyncio.sleep(0.1)
    assert [message.status for message in history.messages] == ["complete", "failed"]


async def test_status_transitions(talk: Talk) -> None:
    async def move(status: str) -> told.Session:
        return await talk.bus.call(bus_map.SET_STATUS, told.SetStatus(status), tenant=TENANT, key=talk.id)

    assert (await move("active")).status == "active"
    assert (await talk.events()).last_ev_seq == 1
    assert (await move("escalated")).status == "escalated"
    assert (await move("active")).status == "active"
    assert (await move("ended")).status == "ended"
    with pytest.raises(Conflict) as caught:
        await move("active")
    assert caught.value.code == "invalid_transition"
    with pytest.raises(Malformed) as refused:
        await talk.post("anybody there?")
    assert refused.value.code == "session_ended"


async def test_escalation_silences_the_agent_at_once(talk: Talk) -> None:
    await talk.post("hello")
    turn = await talk.claim()
    await talk.bus.call(bus_map.SET_STATUS, told.SetStatus("escalated"), tenant=TENANT, key=talk.id)
    with pytest.raises(Conflict):
        await talk.complete(turn)
    assert (await talk.post("a person please")).status == "escalated"
    page = await talk.events()
    assert page.open_turn is None
    told_of = [event.type for event in page.events]
    assert told_of[-5:] == [
        "session_escalated", "turn_cancelled", "session_status_changed", "control_changed", "message_added",
    ]  # fmt: skip


async def test_history_pages_are_disjoint_and_complete(talk: Talk) -> None:
    for number in range(7):
        await talk.post(str(number))
    up = [m.seq for offset in (0, 3, 6) for m in (await talk.history(limit=3, offset=offset)).messages]
    down = [m.seq for offset in (0, 3, 6) for m in (await talk.history(limit=3, offset=offset, order="desc")).messages]
    assert up == list(range(1, 8))
    assert down == up[::-1]
    assert [m.seq for m in (await talk.history(after_seq=5)).messages] == [6, 7]
    await talk.complete(await talk.claim())
    await talk.complete(await talk.claim())


async def test_the_event_log_reaches_the_stream_in_order(talk: Talk, system: System) -> None:
    for number in range(3):
        await talk.post(str(number))
        await talk.complete(await talk.claim())
    last = (await talk.events()).last_ev_seq
    subject = f"desk.evt.session.*.v1.{TENANT}.{talk.id}"
    subscription = await talk.bus.jetstream.subscribe(subject, ordered_consumer=True)
    seen = []
    while len(seen) < last:
        message = await subscription.next_msg(timeout=5)
        assert parse_subject(message.subject).key == talk.id
        assert message.headers is not None
        assert message.headers["Nats-Msg-Id"] == message.headers["ce-id"] == f"{talk.id}:{len(seen) + 1}"
        seen.append(int(message.headers["ce-evseq"]))
    assert seen == list(range(1, last + 1))
    await subscription.unsubscribe()


async def test_an_unknown_turn_is_told(talk: Talk) -> None:
    with pytest.raises(NotFound) as caught:
        request = told.FailTurn(turn_id=mint("turn"), attempt=1, code="x")
        await talk.bus.call(bus_map.FAIL_TURN, request, tenant=TENANT, key=talk.id)
    assert caught.value.code == "turn_not_found"


def test_r07_migrating_twice_changes_nothing(system: System) -> None:
    again = run_module("libs.runtime.migrate", system.environment)
    assert (again.returncode, again.stdout.strip()) == (0, "the database is up to date")


@pytest.mark.parametrize(
    "harm", ["alter table session.messages drop column sources", "drop table session.turns cascade"]
)
async def test_r07_a_database_that_lacks_something_is_refused_with_the_remedy(tmp_path: Path, harm: str) -> None:
    import asyncpg

    with real_servers(tmp_path) as servers:
        connection = await asyncpg.connect(servers.environment["DESKBUS_DATABASE_URL"])
        await connection.execute(harm)
        await connection.close()
        service = run_module("services.session", servers.environment)
    assert service.returncode == 1
    assert "python -m libs.runtime.migrate" in service.stdout
    assert "Traceback" not in service.stdout + service.stderr


def test_r07_an_empty_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with Servers(tmp_path, environ={}) as servers:
        service = run_module("services.session", servers.environment)
    assert service.returncode == 1
    assert "python -m libs.runtime.migrate" in service.stdout
