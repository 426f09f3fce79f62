"""The bus over a real broker: answers, errors, deadlines, bounds, restarts, and events that are handled durably."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.channels import Live, Rpc, encode
from libs.contracts.context import Context
from libs.contracts.errors import DeskError, Invalid, NotFound, TimedOut, Unavailable
from libs.contracts.session import EventsAfter, GetSession, SessionDeleted, SetStatus, TurnReady
from libs.runtime.bus import BusLost
from libs.runtime.consumer import EventConsumer
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.provision import OLDEST_BROKER, UnfitBroker, check_version

ASK = Rpc("test", "ask", SetStatus, SetStatus, timeout=2.0)
ASK_ONCE = Rpc("test", "ask_once", GetSession, GetSession, timeout=0.5, retry_safe=False)
BELL = Live("test", "bell", TurnReady)
COUNTED = Live("test", "counted", EventsAfter)


@pytest.fixture
async def bus(servers: Servers) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


async def test_a_question_is_answered_with_its_envelope(bus: NatsBus) -> None:
    seen: list[Context] = []

    async def answer(request: SetStatus, ctx: Context) -> SetStatus:
        seen.append(ctx)
        return request

    await bus.serve(ASK, answer)
    assert await bus.call(ASK, SetStatus("ended"), tenant="acme", key="sess_1") == SetStatus("ended")
    assert (seen[0].tenant, seen[0].key) == ("acme", "sess_1")
    assert seen[0].deadline is not None
    assert seen[0].traceparent.startswith("00-")


@pytest.mark.parametrize("error", [NotFound("gone", "It is gone"), Invalid("bad", "Mend it")])
async def test_an_error_arrives_as_it_was_raised(bus: NatsBus, error: DeskError) -> None:
    async def refuse(request: SetStatus, ctx: Context) -> SetStatus:
        raise error

    await bus.serve(ASK, refuse)
    with pytest.raises(type(error)) as caught:
        await bus.call(ASK, SetStatus("ended"), tenant="acme")
    assert (caught.value.code, caught.value.detail) == (error.code, error.detail)


async def test_what_was_not_meant_for_the_asker_stays_here(bus: NatsBus) -> None:
    async def crash(request: SetStatus, ctx: Context) -> SetStatus:
        raise ValueError("the password is swordfish")

    await bus.serve(ASK, crash)
    with pytest.raises(DeskError) as caught:
        await bus.call(ASK, SetStatus("ended"), tenant="acme")
    assert caught.value.code == "internal"
    assert "swordfish" not in str(caught.value)


async def test_a_payload_that_cannot_be_read_is_told(bus: NatsBus) -> None:
    async def answer(request: SetStatus, ctx: Context) -> SetStatus:
        return request

    await bus.serve(ASK, answer)
    asking = Rpc("test", "ask", GetSession, SetStatus)
    with pytest.raises(DeskError) as caught:
        await bus.call(asking, GetSession(), tenant="acme")
    assert (caught.value.status, caught.value.code) == (400, "bad_request")


async def test_nobody_there_is_told_at_once_where_asking_again_is_not_safe(bus: NatsBus) -> None:
    with pytest.raises(Unavailable) as caught:
        await bus.call(ASK_ONCE, GetSession(), tenant="acme")
    assert (caught.value.code, caught.value.retryable) == ("test_unavailable", True)


async def test_a_question_waits_for_a_service_that_is_starting(bus: NatsBus) -> None:
    async def answer(request: SetStatus, ctx: Context) -> SetStatus:
        return request

    asking = asyncio.create_task(bus.call(ASK, SetStatus("ended"), tenant="acme"))
    await asyncio.sleep(0.3)
    await bus.serve(ASK, answer)
    assert await asking == SetStatus("ended")


async def test_a_handler_ends_with_its_deadline(bus: NatsBus) -> None:
    ended = asyncio.Event()

    async def dawdle(request: GetSession, ctx: Context) -> GetSession:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return request

    await bus.serve(ASK_ONCE, dawdle)
    with pytest.raises(TimedOut):
        await bus.call(ASK_ONCE, GetSession(), tenant="acme")
    await asyncio.wait_for(ended.wait(), 2)


async def test_requests_run_side_by_side_up_to_a_bound(servers: Servers) -> None:
    url = servers.environment["DESKBUS_NATS_URL"]
    gate = asyncio.Event()

    async def wait(request: GetSession, ctx: Context) -> GetSession:
        await gate.wait()
        return request

    slow = Rpc("test", "slow", GetSession, GetSession, timeout=5.0, retry_safe=False)
    async with NatsBus.connect(url, "asker") as asker, NatsBus.connect(url, "answerer", limit=3) as answerer:
        await answerer.serve(slow, wait)
        await answerer.ping()
        asking = [asyncio.create_task(asker.call(slow, GetSession(), tenant="acme")) for _ in range(4)]
        done, waiting = await asyncio.wait(asking, timeout=1.0)
        assert [type(task.exception()) for task in done] == [Unavailable]
        assert len(waiting) == 3
        gate.set()
        assert await asyncio.gather(*waiting) == [GetSession()] * 3


async def test_one_of_a_group_hears_a_bell_and_every_listener_without_one(servers: Servers) -> None:
    url = servers.environment["DESKBUS_NATS_URL"]
    heard: list[str] = []
    async with NatsBus.connect(url, "one") as one, NatsBus.connect(url, "two") as two:
        for name, bus in (("one", one), ("two", two)):
            for group in ("ringers", None):

                async def hear(payload: TurnReady, ctx: Context, who: str = f"{name}/{group}") -> None:
                    heard.append(who)

                await bus.listen(BELL, hear, group=group)
            await bus.ping()
        await one.announce(BELL, TurnReady(), tenant="acme")
        await asyncio.sleep(0.2)
    assert len([who for who in heard if "ringers" in who]) == 1
    assert {"one/None", "two/None"} <= set(heard)


async def test_a_callback_that_raises_does_not_deafen_the_bus(bus: NatsBus) -> None:
    heard: list[str] = []

    def hear(subject: object, data: bytes) -> None:
        heard.append(str(subject))
        raise ValueError("a bug")

    await bus.follow("acme", "sess_1", hear)
    for _ in range(2):
        await bus.announce(BELL, TurnReady(), tenant="acme", key="sess_1")
        await bus.announce(BELL, TurnReady(), tenant="acme", key="sess_2")
    await bus.ping()
    await asyncio.sleep(0.05)
    assert heard == ["desk.live.test.bell.v1.acme.sess_1"] * 2


async def test_what_is_followed_comes_in_order_also_after_a_reconnection_until_it_is_left(tmp_path: Path) -> None:
    heard: list[int] = []
    with Servers(tmp_path, environ={}) as servers:
        async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as bus:
            reconnected = asyncio.Event()
            bus.on_reconnect(reconnected.set)

            async def tell(numbers: range) -> None:
                for number in numbers:
                    await bus.announce(COUNTED, EventsAfter(ev_seq=number), tenant="acme", key="sess_1")
                await bus.ping()

            def hear(_: object, data: bytes) -> None:
                number = COUNTED.decode(data).ev_seq
                assert number is not None
                heard.append(number)

            following = await bus.follow("acme", "sess_1", hear)
            await tell(range(500))
            assert heard == list(range(500))
            servers.kill("nats")
            servers.start("nats")
            await asyncio.wait_for(reconnected.wait(), 20)
            await tell(range(500, 520))
            assert heard == list(range(520))
            await following.unsubscribe()
            await tell(range(3))
            assert len(heard) == 520


async def test_the_bus_outlives_its_broker(tmp_path: Path) -> None:
    with Servers(tmp_path, environ={}) as servers:
        async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as bus:
            reconnected = asyncio.Event()
            bus.on_reconnect(reconnected.set)

            async def answer(request: SetStatus, ctx: Context) -> SetStatus:
                return request

            await bus.serve(ASK, answer)
            servers.kill("nats")
            await asyncio.sleep(0.2)
            await bus.announce(BELL, TurnReady(), tenant="acme")
            with pytest.raises(DeskError) as caught:
                await bus.call(ASK, SetStatus("ended"), tenant="acme", timeout=0.5)
            assert caught.value.retryable
            with pytest.raises(Unavailable):
                await bus.ping()
            servers.start("nats")
            await asyncio.wait_for(reconnected.wait(), 10)
            assert await bus.call(ASK, SetStatus("ended"), tenant="acme") == SetStatus("ended")


async def test_a_connection_that_is_dead_for_good_ends_the_process(servers: Servers) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as bus:
            await bus._client.close()
            await asyncio.sleep(20)
    assert isinstance(caught.value.exceptions[0], BusLost)


async def test_a_broker_that_is_not_there_is_told_with_the_remedy() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with NatsBus.connect("nats://127.0.0.1:1", "test", patience=0.1):
            pass
    error = caught.value.exceptions[0]
    assert isinstance(error, Unavailable)
    assert "DESKBUS_NATS_URL" in error.detail


class Handled:
    """A durable handler that does as it is told, once for each word, and then well."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.seen: list[tuple[str, int]] = []
        self.done = asyncio.Event()

    async def __call__(self, payload: SessionDeleted, ctx: Context) -> None:
        self.seen.append((ctx.key, ctx.ev_seq))
        if self.faults:
            raise self.faults.pop(0)
        self.done.set()


async def publish(bus: NatsBus, session_id: str, data: bytes | None = None) -> None:
    headers = {"Nats-Msg-Id": f"{session_id}:7", "ce-evseq": "7"}
    subject = bus_map.SESSION_DELETED.subject("acme", session_id)
    await bus.jetstream.publish(subject, data or encode(SessionDeleted(session_id)), headers=headers)


@pytest.fixture
async def consumed(tmp_path: Path) -> AsyncIterator[NatsBus]:
    from tests.support.system import real_servers

    with real_servers(tmp_path) as servers:
        async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as bus:
            yield bus


async def test_an_event_is_handled_until_it_is_done(consumed: NatsBus) -> None:
    handler = Handled(Unavailable("away", "Later"), ValueError("a bug"))
    running = asyncio.create_task(EventConsumer(consumed, "agent", bus_map.SESSION_DELETED, handler).run())
    session_id = mint("sess")
    await publish(consumed, session_id)
    await asyncio.wait_for(handler.done.wait(), 15)
    assert handler.seen == [(session_id, 7)] * 3
    running.cancel()
    assert (await consumed.jetstream.stream_info("DEADLETTERS")).state.messages == 0


@pytest.mark.parametrize(
    ("fault", "data", "reason"), [(NotFound("gone", ""), None, "gone"), (None, b"{nonsense", "unreadable")]
)
async def test_what_can_never_be_handled_is_kept_with_its_reason(
    consumed: NatsBus, fault: Exception | None, data: bytes | None, reason: str
) -> None:
    handler = Handled(*([fault] if fault else []))
    running = asyncio.create_task(EventConsumer(consumed, "agent", bus_map.SESSION_DELETED, handler).run())
    session_id = mint("sess")
    await publish(consumed, session_id, data)
    subscription = await consumed.jetstream.subscribe("desk.dead.>", ordered_consumer=True)
    letter = await subscription.next_msg(timeout=10)
    assert letter.headers is not None
    assert letter.headers["Desk-Reason"] == reason
    assert letter.subject.endswith(session_id)
    running.cancel()


def test_a_broker_that_is_too_old_is_refused() -> None:
    check_version(".".join(map(str, OLDEST_BROKER)))
    for old in ("2.9.10", "2.14.6", "<nats server v2.10.0>"):
        with pytest.raises(UnfitBroker):
            check_version(old)
