"""The agent as a process over a real broker; the session and knowledge services are played by the test."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.agent import AskFacts, AskSnapshot, KnownFact, TurnFrame
from libs.contracts.channels import encode
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, Unavailable
from libs.contracts.frames import Text
from libs.contracts.health import AskHealth
from libs.contracts.knowledge import Search, SearchResult, Source
from libs.contracts.session import (
    ClaimedTurn,
    ClaimReply,
    ClaimTurn,
    CompleteTurn,
    FailTurn,
    LeaseRenewed,
    Message,
    RenewLease,
    SessionDeleted,
    TurnReady,
    TurnRevoked,
    TurnSettled,
)  # fmt: skip
from libs.runtime.nats import NatsBus
from tests.support.system import System, prepare, run_module

TENANT = "default"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ALONE = {"gateway": 0, "session": 0, "knowledge": 0, "agent": 0, "attachments": 0}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A broker and a database of its own: this module answers for the session service, which others have too."""
    with Servers(tmp_path_factory.mktemp("broker"), environ={"DESKBUS_REDIS_URL": "not used"}) as running:
        prepare(running.environment)
        yield running


class Peers:
    """The session and knowledge services, as far as an agent sees them."""

    def __init__(self, bus: NatsBus) -> None:
        self.bus = bus
        self.waiting: list[ClaimedTurn] = []
        self.agent_id = ""
        self.claims = 0
        self.frames: list[TurnFrame] = []
        self.completed: dict[str, CompleteTurn] = {}
        self.failed: list[FailTurn] = []
        self.lost: set[str] = set()

    async def serve(self) -> None:
        await self.bus.serve(bus_map.CLAIM_TURN, self.claim)
        await self.bus.serve(bus_map.RENEW_LEASE, self.renew)
        await self.bus.serve(bus_map.COMPLETE_TURN, self.complete)
        await self.bus.serve(bus_map.FAIL_TURN, self.fail)
        await self.bus.serve(bus_map.SEARCH, self.search)
        await self.bus.listen(bus_map.TURN_FRAME, self.hear)

    async def ask(self, number: int, text: str, *, lease_s: float = 15.0, session_id: str = "") -> str:
        turn_id = f"turn_{number}"
        question = Message(id=f"msg_{number}", seq=1, role="user", content=text, timestamp=datetime.now(UTC))
        self.waiting.append(
            ClaimedTurn(
                session_id=session_id or f"sess_{number}", tenant=TENANT, turn_id=turn_id, attempt=1, epoch=0, lease_s=lease_s,
                questions=[question], traceparent=TRACE,
            )
        )  # fmt: skip
        await self.bus.announce(bus_map.TURN_READY, TurnReady(), tenant=TENANT)
        return turn_id

    async def claim(self, request: ClaimTurn, ctx: Context) -> ClaimReply:
        self.agent_id = request.agent_id
        self.claims += 1
        return ClaimReply(self.waiting.pop(0) if self.waiting else None)

    async def renew(self, request: RenewLease, ctx: Context) -> LeaseRenewed:
        if request.turn_id in self.lost:
            raise Conflict("lease_lost", "another attempt has it")
        return LeaseRenewed(15.0)

    async def complete(self, request: CompleteTurn, ctx: Context) -> TurnSettled:
        assert ctx.traceparent == TRACE
        self.completed[request.turn_id] = request
        return TurnSettled(request.outcome)

    async def fail(self, request: FailTurn, ctx: Context) -> TurnSettled:
        self.failed.append(request)
        return TurnSettled("queued")

    async def search(self, request: Search, ctx: Context) -> SearchResult:
        found = Source(content="Items can be returned within 30 days.", metadata={}, relevance_score=0.7, rank=1)
        return SearchResult(sources=[found], method="dense", model="test")

    async def hear(self, told: TurnFrame, ctx: Context) -> None:
        self.frames.append(told)

    def text(self, turn_id: str) -> str:
        mine = [f.frame for f in self.frames if f.turn_id == turn_id and isinstance(f.frame, Text)]
        return "".join(text.content for text in sorted(mine, key=lambda text: text.offset))


@pytest.fixture
async def peers(broker: Servers) -> AsyncIterator[Peers]:
    async with NatsBus.connect(broker.environment["DESKBUS_NATS_URL"], "peers") as bus:
        played = Peers(bus)
        await played.serve()
        yield played


@pytest.fixture
def start(broker: Servers, tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Starts a service as a process; it is stopped after the test."""
    started: list[System] = []

    def begin(service: str = "agent", **settings: object) -> System:
        system = System(broker, tmp_path, tmp_path, ALONE, **settings)
        started.append(system)
        system.start(service)
        return system

    yield begin
    for system in started:
        system.stop_all()


async def until(true: Callable[[], Any], patience_s: float = 20.0) -> None:
    async with asyncio.timeout(patience_s):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_turn_over_the_bus(peers: Peers, start: Callable[..., System]) -> None:
    start()
    turn_id = await peers.ask(1, "How long do I have to return something?")
    await until(lambda: turn_id in peers.completed)
    answer = peers.completed[turn_id].answer
    assert "30 days" in answer.content
    assert answer.metadata == {"model": "extractive", "kind": "extractive", "attempt": 1, "retrieval_score": 0.7}
    await until(lambda: peers.text(turn_id) == answer.content)
    # It takes turns before its start-up checks have ended.
    async with asyncio.timeout(10):
        while not (report := await peers.bus.call(bus_map.AGENT_HEALTH, AskHealth(), tenant=TENANT)).ready:
            await asyncio.sleep(0.05)
    details = {check.name: check.detail for check in report.checks}
    assert details["Language Model"] == "extractive (no language model configured)"


async def test_a_snapshot_of_the_instance_that_runs_the_turn(peers: Peers, start: Callable[..., System]) -> None:
    start(model="scripted")
    turn_id = await peers.ask(2, "[tokens=160][interval=20][first=0]")
    await until(lambda: len(peers.text(turn_id).split()) >= 10)
    told_before = peers.text(turn_id)
    snapshot = await peers.bus.call(bus_map.SNAPSHOT, AskSnapshot(turn_id), tenant=TENANT, key=peers.agent_id)
    assert snapshot.attempt == 1
    assert snapshot.text.startswith(told_before)
    assert snapshot.sources is not None
    await until(lambda: turn_id in peers.completed)
    assert peers.completed[turn_id].answer.content.startswith(snapshot.text)
    assert len(peers.completed[turn_id].answer.content.split()) == 160


async def test_a_lost_lease_silences_the_attempt(peers: Peers, start: Callable[..., System]) -> None:
    start(model="scripted")
    peers.lost.add("turn_3")
    turn_id = await peers.ask(3, "[tokens=400][interval=10][first=0]", lease_s=0.6)
    await until(lambda: peers.text(turn_id))
    await asyncio.sleep(0.6)
    told = len(peers.frames)
    await asyncio.sleep(0.3)
    assert len(peers.frames) == told
    assert turn_id not in peers.completed
    assert peers.failed == []


async def revoke(peers: Peers, turn_id: str, *, wanted: bool, tenant: str = TENANT) -> None:
    revoked = TurnRevoked(turn_id=turn_id, attempt=1, wanted=wanted)
    await peers.bus.announce(bus_map.TURN_REVOKED, revoked, tenant=tenant, key=peers.agent_id)


async def test_a_cancelled_turn_is_stored_as_far_as_it_was_told(peers: Peers, start: Callable[..., System]) -> None:
    system = start(model="scripted", agent_slots=1)
    turn_id = await peers.ask(20, "[tokens=4000][interval=5][first=0]")
    await until(lambda: len(peers.text(turn_id).split()) >= 10)
    await revoke(peers, "turn_of_nobody", wanted=True)
    await revoke(peers, turn_id, wanted=True, tenant="another")
    told = peers.text(turn_id)
    await until(lambda: len(peers.text(turn_id)) > len(told))
    started = asyncio.get_running_loop().time()
    await revoke(peers, turn_id, wanted=True)
    await until(lambda: turn_id in peers.completed)
    took = asyncio.get_running_loop().time() - started
    stored = peers.completed[turn_id]
    print(f"stored {took * 1000:.1f} ms after the revocation")
    assert took < 0.9
    assert stored.outcome == "cancelled"
    await asyncio.sleep(0.2)
    assert peers.text(turn_id) == stored.answer.content
    following = await peers.ask(21, "[tokens=4][interval=0][first=0]")
    await until(lambda: following in peers.completed)
    assert '"outcome": "cancelled"' in system.log("agent")


async def test_a_turn_that_nobody_wants_is_silent_and_frees_its_slot(
    peers: Peers, start: Callable[..., System]
) -> None:
    system = start(model="scripted", agent_slots=1)
    turn_id = await peers.ask(22, "[tokens=4000][interval=5][first=0]")
    await until(lambda: peers.text(turn_id))
    await revoke(peers, turn_id, wanted=False)
    following = await peers.ask(23, "[tokens=4][interval=0][first=0]")
    await until(lambda: following in peers.completed)
    told = peers.text(turn_id)
    await asyncio.sleep(0.2)
    assert peers.text(turn_id) == told
    assert turn_id not in peers.completed
    assert peers.failed == []
    assert '"outcome": "revoked"' in system.log("agent")


async def test_many_turns_are_claimed_quickly_and_all_are_right(peers: Peers, start: Callable[..., System]) -> None:
    start(model="scripted", agent_slots=32)
    await until(lambda: peers.claims)
    turns = [await peers.ask(number, "[tokens=16][interval=5][first=5]") for number in range(100, 400)]
    await until(lambda: len(peers.completed) == len(turns))
    await until(lambda: all(peers.text(turn_id) == peers.completed[turn_id].answer.content for turn_id in turns))


async def test_a_stopping_agent_finishes_its_turn(peers: Peers, start: Callable[..., System]) -> None:
    system = start(model="scripted")
    turn_id = await peers.ask(4, "[tokens=160][interval=20][first=0]")
    await until(lambda: peers.text(turn_id))
    system.signal("agent", signal.SIGTERM)
    await until(lambda: "draining" in system.log("agent"))
    await peers.ask(5, "nobody is there")
    await until(lambda: turn_id in peers.completed)
    await until(lambda: system.processes["agent", 0].poll() is not None)
    assert system.processes["agent", 0].returncode == 0
    assert peers.failed == []
    assert len(peers.waiting) == 1


async def test_a_stopping_agent_gives_back_what_takes_too_long(peers: Peers, start: Callable[..., System]) -> None:
    system = start(model="scripted", agent_drain_s=0.2)
    turn_id = await peers.ask(6, "[tokens=4000][interval=20][first=0]")
    await until(lambda: peers.text(turn_id))
    system.signal("agent", signal.SIGTERM)
    await until(lambda: system.processes["agent", 0].poll() is not None)
    assert [(f.turn_id, f.code, f.counted) for f in peers.failed] == [(turn_id, "agent_draining", False)]


async def test_r22_what_a_customer_tells_is_known_later_and_forgotten_with_the_session(
    peers: Peers, start: Callable[..., System]
) -> None:
    system = start()
    await until(lambda: peers.claims)

    async def answer_to(number: int, text: str) -> str:
        turn_id = await peers.ask(number, text, session_id="sess_told")
        await until(lambda: turn_id in peers.completed)
        return peers.completed[turn_id].answer.content

    async def known() -> list[KnownFact]:
        told = await peers.bus.call(bus_map.RECALL, AskFacts(), tenant=TENANT, key="sess_told")
        return told.facts

    assert await known() == []
    await answer_to(700, "my email is ann@example.com")
    assert "ann@example.com" in await answer_to(701, "what is my email?")
    assert await known() == [KnownFact("email", "ann@example.com")]
    headers = {"Nats-Msg-Id": "sess_told:9", "ce-evseq": "9"}
    subject = bus_map.SESSION_DELETED.subject(TENANT, "sess_told")
    await peers.bus.jetstream.publish(subject, encode(SessionDeleted("sess_told")), headers=headers)
    async with asyncio.timeout(20):
        while await kept(system, "sess_told"):
            await asyncio.sleep(0.05)
    assert await known() == []
    assert "ann@example.com" not in await answer_to(702, "what is my email?")
    await answer_to(703, "my email is ann@example.com")
    assert await kept(system, "sess_told") == 0
    assert "ann@example.com" not in system.log("agent")


async def kept(system: System, session_id: str) -> int:
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        return await connection.fetchval(
            "select count(*) from agent.memories where told_in @> array[$1::text]", session_id
        )
    finally:
        await connection.close()


async def test_answers_go_on_without_the_database(peers: Peers, broker: Servers, start: Callable[..., System]) -> None:
    if "postgres" not in broker.names:
        pytest.skip("the database is not ours to kill")
    system = start()
    await asyncio.to_thread(system.wait_for_log, "agent", '"ready"')  # claims begin before the start-up checks end
    broker.kill("postgres")
    try:
        for number in (800, 801, 802):
            turn_id = await peers.ask(number, "How long do I have to return something?")
            await until(lambda turn_id=turn_id: turn_id in peers.completed, 3)
            assert "30 days" in peers.completed[turn_id].answer.content
        with pytest.raises(Unavailable, match="memory_unavailable"):
            await peers.bus.call(bus_map.RECALL, AskFacts(), tenant=TENANT, key="sess_1")
        assert system.log("agent").count("memory_away") == 1
    finally:
        broker.start("postgres")


async def test_a_request_for_a_person_over_the_bus(peers: Peers, start: Callable[..., System]) -> None:
    start()
    turn_id = await peers.ask(900, "talk to a human")
    await until(lambda: turn_id in peers.completed)
    escalation = peers.completed[turn_id].answer.escalation
    assert escalation is not None
    assert escalation.reasons == ["asked_for_person"]


def test_the_scripted_model_does_not_start_in_production(broker: Servers) -> None:
    settings = {"DESKBUS_MODEL": "scripted", "DESKBUS_ENVIRONMENT": "production"}
    ended = run_module("services.agent", {**broker.environment, **settings})
    assert ended.returncode == 78
    assert "DESKBUS_MODEL=scripted is for tests" in ended.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DESKBUS_TOOLS_FILE": "no-such-file.toml"}, "no-such-file.toml"),
        ({"DESKBUS_TOOLS_FILE": "{folder}/broken.json"}, "broken.json"),
        ({"DESKBUS_TOOLS": "no_such_tool"}, "no_such_tool"),
        ({"DESKBUS_MODEL": "no-such-model"}, "names no model"),
        ({"DESKBUS_MODEL": "openai/x", "DESKBUS_SYSTEM_PROMPT": "no-such-prompt.md"}, "no-such-prompt.md"),
    ],
    ids=["no tools file", "broken tools file", "unknown tool", "unknown model", "no prompt"],
)
def test_settings_that_cannot_be_used_have_an_exit_code_of_their_own(
    broker: Servers, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    (tmp_path / "broken.json").write_text('{"tools": [')
    given = {name: value.replace("{folder}", str(tmp_path)) for name, value in settings.items()}
    ended = run_module("services.agent", {**broker.environment, **given})
    assert ended.returncode == 78, ended
    assert words in ended.stdout.splitlines()[-1]


async def test_the_attachments_service_says_how_it_is(peers: Peers, start: Callable[..., System]) -> None:
    start("attachments")
    report = await peers.bus.call(bus_map.ATTACHMENTS_HEALTH, AskHealth(), tenant=TENANT, timeout=20)
    assert report.service == "attachments"
    assert "Message Bus" in {check.name for check in report.checks}
