"""What the documents do not answer: noted once for each turn, listed most wanted first, gone with its sessions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.channels import encode
from libs.contracts.documents import Citation
from libs.contracts.errors import Invalid
from libs.contracts.health import AskHealth
from libs.contracts.knowledge import Gap, GapPage, ListGaps
from libs.contracts.session import Message, SessionDeleted, TurnCompleted
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database
from services.knowledge.adapters.postgres_citations import PostgresCitations
from services.knowledge.adapters.postgres_gaps import PostgresGaps
from services.knowledge.domain import MAX_QUESTION, Meaning, Unanswered
from tests.support.remains import remains
from tests.support.system import ROOT, System, real_servers

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALONE = {"gateway": 0, "agent": 0, "session": 0, "attachments": 0}
ICELAND = "Do you ship to Iceland?"


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


# --- the store


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    url = servers.environment["DESKBUS_DATABASE_URL"]
    async with Database.connect(url, "knowledge", ROOT / "services/knowledge/sql", pool_size=8) as connected:
        yield connected


class Shop:
    """A tenant of its own, and what its customers ask in vain."""

    def __init__(self, database: Database, **limits: int) -> None:
        self.tenant = mint("tenant")
        self.gaps = PostgresGaps(database, **limits)

    async def ask(
        self,
        question: str,
        minutes: int = 0,
        session: str = "sess_1",
        turn: str | None = None,
        meaning: Meaning | None = None,
    ) -> str:
        turn_id = turn or mint("turn")
        asked = Unanswered(turn_id=turn_id, question=question, asked_at=at(minutes))
        await self.gaps.note(self.tenant, session, asked, mint("gap"), meaning)
        return turn_id

    async def listed(self, limit: int = 100, offset: int = 0) -> list[tuple[str, int]]:
        gaps, _ = await self.gaps.most_wanted(self.tenant, limit, offset)
        return [(gap.question, gap.count) for gap in gaps]


async def test_the_same_question_is_one_gap_in_the_words_of_the_last(database: Database) -> None:
    shop = Shop(database)
    await shop.ask(ICELAND, 5)
    await shop.ask("do you ship to ICELAND", 9, session="sess_2")
    await shop.ask("Do you ship to Iceland??", 1)
    [gap], total = await shop.gaps.most_wanted(shop.tenant, 10, 0)
    assert (gap.question, gap.count, total) == ("do you ship to ICELAND", 3, 1)
    assert (gap.first_asked_at, gap.last_asked_at) == (at(1), at(9))
    assert gap.gap_id.startswith("gap_")
    assert await Shop(database).listed() == []


async def test_a_turn_counts_once_however_often_and_at_once_it_is_heard_of(database: Database) -> None:
    shop = Shop(database)
    await asyncio.gather(*(shop.ask(ICELAND, turn="turn_1") for _ in range(10)))
    await asyncio.gather(*(shop.ask(ICELAND, turn=f"turn_{number}") for number in range(1, 11)))
    assert await shop.listed() == [(ICELAND, 10)]


async def test_the_most_wanted_come_first_then_the_last_asked_and_pages_are_disjoint(database: Database) -> None:
    shop = Shop(database)
    for question, minutes in [("a", 1), ("b", 3), ("c", 2), ("a", 2), ("d", 3)]:
        await shop.ask(question, minutes)
    everything = await shop.listed()
    assert everything[0] == ("a", 2)
    assert sorted(everything[1:3]) == [("b", 1), ("d", 1)]  # asked at the same time: by id
    assert everything[3] == ("c", 1)
    assert [one for offset in range(5) for one in await shop.listed(1, offset)] == everything
    assert await shop.listed(100, 10**30) == []
    assert (await shop.gaps.most_wanted(shop.tenant, 1, 3))[1] == 4


async def test_a_forgotten_session_takes_its_words_with_it(database: Database) -> None:
    shop = Shop(database)
    await shop.ask(ICELAND, 1, session="sess_1")
    await shop.ask("DO YOU SHIP TO ICELAND", 2, session="sess_2")
    await shop.ask("only here", 3, session="sess_2")
    for _ in range(2):
        await shop.gaps.forget(shop.tenant, "sess_2")
        [gap], total = await shop.gaps.most_wanted(shop.tenant, 10, 0)
        assert (gap.question, gap.count, gap.last_asked_at, total) == (ICELAND, 1, at(1), 1)
    await shop.gaps.forget(shop.tenant, "sess_1")
    assert await shop.listed() == []


async def test_of_a_forgotten_session_nothing_is_noted_later(database: Database) -> None:
    shop, other = Shop(database), Shop(database)
    await asyncio.gather(
        *(shop.ask(f"question {number}") for number in range(8)),
        shop.gaps.forget(shop.tenant, "sess_1"),
        *(shop.ask(f"question {number}") for number in range(8)),
    )
    await shop.ask(ICELAND)
    assert await shop.listed() == []
    await shop.ask(ICELAND, session="sess_2")
    await other.ask(ICELAND)
    assert await shop.listed() == await other.listed() == [(ICELAND, 1)]


async def test_marks_of_forgotten_sessions_are_dropped_after_a_week(database: Database, servers: Servers) -> None:
    shop = Shop(database)
    await shop.gaps.forget(shop.tenant, "sess_1")
    await shop.gaps.forget(shop.tenant, "sess_2")
    connection = await asyncpg.connect(servers.environment["DESKBUS_DATABASE_URL"])
    try:
        age = (
            "update knowledge.forgotten_sessions set forgotten_at = now() - $3::interval"
            " where tenant = $1 and session_id = $2"
        )
        await connection.execute(age, shop.tenant, "sess_1", timedelta(days=7, minutes=1))
        await connection.execute(age, shop.tenant, "sess_2", timedelta(days=7, minutes=-1))
    finally:
        await connection.close()
    await shop.gaps.forget(shop.tenant, "sess_3")
    for session in ("sess_1", "sess_2", "sess_3"):
        await shop.ask(f"asked in {session}", session=session)
    assert await shop.listed() == [("asked in sess_1", 1)]


async def test_a_tenant_keeps_only_so_many_gaps_the_least_wanted_and_oldest_go(database: Database) -> None:
    shop, other = Shop(database, most_gaps=3), Shop(database)
    await other.ask("not mine to drop", -9)
    for question, minutes in [("twice", 1), ("twice", 2), ("newer", 4), ("older", 3)]:
        await shop.ask(question, minutes)
    assert await shop.listed() == [("twice", 2), ("newer", 1), ("older", 1)]
    await shop.ask("new", 0)
    assert await shop.listed() == [("twice", 2), ("newer", 1), ("new", 1)]
    await shop.ask("newer", 5)
    await shop.ask("new", 6)
    await shop.ask("the last", 0)
    assert [question for question, _ in await shop.listed()] == ["new", "newer", "the last"]
    assert await other.listed() == [("not mine to drop", 1)]


async def test_a_gap_keeps_only_so_many_questions_and_the_newest(database: Database) -> None:
    shop = Shop(database, most_questions=3)
    for number in range(1, 5):
        await shop.ask(ICELAND + "?" * number, number, session=f"sess_{number}", turn=f"turn_{number}")
        assert await shop.listed() == [(ICELAND + "?" * number, min(number, 3))]
    await shop.ask(ICELAND, 1, session="sess_1", turn="turn_1")  # it was dropped, and comes again
    assert await shop.listed() == [(ICELAND + "????", 3)]
    for number in (4, 3, 2):
        await shop.gaps.forget(shop.tenant, f"sess_{number}")
    assert await shop.listed() == []


async def test_questions_of_one_meaning_are_one_gap_and_its_words_find_it_again(database: Database) -> None:
    shop, other = Shop(database), Shop(database)
    iceland, refund = Meaning("m", [1.0, 0.0]), Meaning("m", [0.0, 1.0])
    await other.ask(ICELAND, meaning=iceland)
    await shop.ask(ICELAND, 1, meaning=iceland)
    await shop.ask("Is delivery to Iceland possible?", 2, session="sess_2", meaning=Meaning("m", [0.8, 0.6]))
    await shop.ask("How do I get my money back?", 3, meaning=refund)
    await shop.ask("is delivery to iceland possible", 4)  # no model was there: by its words
    await shop.ask("Iceland?", 5, meaning=Meaning("another", [1.0, 0.0]))
    page, total = await shop.gaps.most_wanted(shop.tenant, 10, 0)
    assert [(gap.question, gap.count) for gap in page] == [
        ("is delivery to iceland possible", 3),
        ("Iceland?", 1),
        ("How do I get my money back?", 1),
    ]
    assert total == 3
    assert page[0].examples == [ICELAND]
    assert await other.listed() == [(ICELAND, 1)]


async def test_a_gap_is_dismissed_opened_again_and_answered(database: Database) -> None:
    shop = Shop(database)
    await shop.ask(ICELAND)
    [gap], _ = await shop.gaps.most_wanted(shop.tenant, 10, 0)
    assert await shop.gaps.set_state(shop.tenant, "gap_none", "dismissed") is None
    assert await shop.gaps.set_state("another", gap.gap_id, "dismissed") is None
    dismissed = await shop.gaps.set_state(shop.tenant, gap.gap_id, "dismissed")
    assert dismissed is not None
    await shop.ask(ICELAND, 1)
    assert await shop.listed() == []  # asked again, it stays dismissed, and is counted
    [still], total = await shop.gaps.most_wanted(shop.tenant, 10, 0, "dismissed")
    assert (still.state, still.count, total) == ("dismissed", 2, 1)
    await shop.gaps.set_state(shop.tenant, gap.gap_id, "answered", "gap-doc")
    assert [one.gap_id for one in await shop.gaps.answered_by(shop.tenant, "gap-doc")] == [gap.gap_id]
    await shop.gaps.set_state(shop.tenant, gap.gap_id, "closed")
    assert await shop.gaps.answered_by(shop.tenant, "gap-doc") == []
    await shop.ask(ICELAND, 2)  # in vain again
    [again] = (await shop.gaps.most_wanted(shop.tenant, 10, 0))[0]
    assert (again.state, again.document_id, again.count) == ("open", "gap-doc", 3)


async def test_what_an_operator_answered_becomes_a_draft_and_goes_with_its_session(database: Database) -> None:
    shop = Shop(database)
    await shop.gaps.draft(shop.tenant, "sess_1", "nobody asked", at(0))
    await shop.ask("older question?", 1)
    await shop.ask(ICELAND, 2)
    await shop.gaps.draft(shop.tenant, "sess_2", "of another session", at(3))
    await shop.gaps.draft(shop.tenant, "sess_1", "too late", at(2 + 24 * 60 + 1))
    assert [gap.draft for gap in (await shop.gaps.most_wanted(shop.tenant, 10, 0))[0]] == [None, None]
    await shop.gaps.draft(shop.tenant, "sess_1", "Yes, within 9 days.", at(2 + 24 * 60))
    await shop.gaps.draft(shop.tenant, "sess_1", "You are welcome.", at(2 + 24 * 60))
    drafts = {gap.question: gap.draft for gap in (await shop.gaps.most_wanted(shop.tenant, 10, 0))[0]}
    assert drafts == {ICELAND: "Yes, within 9 days.", "older question?": None}
    await shop.ask(ICELAND, 3, session="sess_2")
    await shop.gaps.forget(shop.tenant, "sess_1")
    [gap], _ = await shop.gaps.most_wanted(shop.tenant, 10, 0)
    assert (gap.question, gap.draft) == (ICELAND, None)


async def test_each_note_is_told_as_an_event(database: Database) -> None:
    told: list[int] = []
    gaps = PostgresGaps(database, lambda: told.append(1))
    tenant = mint("tenant")
    for turn in ("turn_1", "turn_1", "turn_2"):
        await gaps.note(tenant, "sess_1", Unanswered(turn_id=turn, question=ICELAND, asked_at=at(0)), mint("gap"))
    assert len(told) == 2


# --- where documents are cited


def cited(turn: str, version: int, minutes: int, session: str = "sess_1") -> Citation:
    return Citation(
        session_id=session, turn_id=turn, message_id=mint("msg"), version=version, passages=[0, 2], outdated=False,
        answered_at=at(minutes),
    )  # fmt: skip


async def test_citations_are_noted_once_listed_newest_first_and_gone_with_their_session(database: Database) -> None:
    citations, gaps, tenant = PostgresCitations(database), PostgresGaps(database), mint("tenant")
    for _ in range(2):
        await citations.note(tenant, [("a", cited("turn_1", 1, 1)), ("b", cited("turn_1", 1, 1))])
    await citations.note(tenant, [("a", cited("turn_2", 2, 2, "sess_2"))])
    usage = await citations.usage(tenant, "a", None, 10, 0)
    assert [(one.turn_id, one.version, one.passages) for one in usage.answers] == [
        ("turn_2", 2, [0, 2]),
        ("turn_1", 1, [0, 2]),
    ]
    assert (usage.total, usage.outdated) == (2, 2)  # there is no such document any more
    assert (await citations.usage(tenant, "a", 1, 10, 0)).total == 1
    assert [one.turn_id for one in (await citations.usage(tenant, "a", None, 1, 1)).answers] == ["turn_1"]
    assert (await citations.usage(mint("tenant"), "a", None, 10, 0)).total == 0
    await gaps.forget(tenant, "sess_2")
    await citations.note(tenant, [("a", cited("turn_3", 2, 3, "sess_2"))])  # heard of later
    assert [one.turn_id for one in (await citations.usage(tenant, "a", None, 10, 0)).answers] == ["turn_1"]


# --- the service


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("knowledge")) as servers:
        yield servers


@pytest.fixture(scope="module")
def knowledge(grounds: Servers, tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("knowledge")
    with System(grounds, folder, model_folder, ALONE, seed_documents=False) as running:
        yield running


@pytest.fixture
async def bus(knowledge: System) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(knowledge.environment["DESKBUS_NATS_URL"], "test") as connected:
        await connected.call(bus_map.KNOWLEDGE_HEALTH, AskHealth(), tenant="any", timeout=30)
        yield connected


class Desk:
    """A tenant of its own, asked and told over the bus."""

    def __init__(self, bus: NatsBus) -> None:
        self.bus = bus
        self.tenant = mint("tenant")

    async def tell(
        self, session: str, looked_for: str, minutes: int = 0, turn: str | None = None, **metadata: object
    ) -> None:
        """Publish a turn's end as the session service's relay does, under another id each time."""
        message = Message(
            id=mint("msg"), seq=2, role="assistant", content="I have not found it.", timestamp=at(minutes),
            metadata={"abstained": True, "looked_for": looked_for, **metadata},
        )  # fmt: skip
        event = TurnCompleted(turn_id=turn or mint("turn"), attempt=1, answers_seq=[1], message=message)
        await self.publish(bus_map.TURN_COMPLETED.subject(self.tenant, session), encode(event))

    async def delete(self, session: str) -> None:
        await self.publish(bus_map.SESSION_DELETED.subject(self.tenant, session), encode(SessionDeleted(session)))

    async def publish(self, subject: str, data: bytes) -> None:
        headers = {"Nats-Msg-Id": mint("each"), "ce-evseq": "9"}
        await self.bus.jetstream.publish(subject, data, headers=headers)

    async def gaps(self, **fields: int) -> GapPage:
        return await self.bus.call(bus_map.LIST_GAPS, ListGaps(**fields), tenant=self.tenant)

    async def wait_for(self, *wanted: tuple[str, int]) -> list[Gap]:
        async with asyncio.timeout(10):
            while True:
                page = await self.gaps()
                if [(gap.question, gap.count) for gap in page.gaps] == list(wanted):
                    return page.gaps
                await asyncio.sleep(0.02)


async def test_an_abstention_is_noted_once_and_an_answer_is_not(bus: NatsBus) -> None:
    desk = Desk(bus)
    for _ in range(3):
        await desk.tell("sess_1", ICELAND, turn="turn_1")
    await desk.tell("sess_1", "an answer", abstained=False)
    await desk.tell("sess_1", "x" * (MAX_QUESTION + 1) + "?")
    await desk.tell("sess_2", "do you ship to iceland", 2)
    [most, other] = await desk.wait_for(("do you ship to iceland", 2), ("x" * (MAX_QUESTION - 1) + "…", 1))
    assert (most.first_asked_at, most.last_asked_at) == (at(0), at(2))
    assert (await desk.gaps(limit=1)).gaps == [most]
    assert (await desk.gaps(limit=1, offset=1)) == GapPage([other], 2)


@pytest.mark.parametrize("fields", [{"limit": 0}, {"limit": 101}, {"offset": -1}], ids=str)
async def test_a_page_beyond_its_bounds_is_refused(bus: NatsBus, fields: dict[str, int]) -> None:
    desk = Desk(bus)
    assert await desk.gaps(limit=100, offset=0) == GapPage([], 0)
    with pytest.raises(Invalid) as caught:
        await desk.gaps(**fields)
    assert caught.value.code == "invalid_request"


async def test_r42_a_deleted_session_leaves_nothing_also_where_its_answer_is_heard_of_later(
    bus: NatsBus, knowledge: System
) -> None:
    desk, canary, session = Desk(bus), mint("canary"), mint("sess")
    await desk.tell(session, f"Where is {canary}?")
    await desk.tell(mint("sess"), ICELAND)
    for question in (f"Where is {canary}?", ICELAND):
        await until_listed(desk, question)
    await desk.delete(session)
    await desk.delete(session)
    await desk.wait_for((ICELAND, 1))
    await desk.tell(session, f"Where is {canary} now?")
    await desk.tell(mint("sess"), "heard of after it?")
    await until_listed(desk, "heard of after it?")
    assert "canary" not in str(await desk.gaps())
    # what the session service would have purged is its own; of the knowledge service only the mark may stay
    places = [place for place in await remains(knowledge.environment, [canary, session]) if "nats: EVENTS" not in place]
    assert all(place.startswith("postgres: knowledge.forgotten_sessions: ") for place in places)
    assert len(places) == 1
    assert canary not in knowledge.log("knowledge")


async def until_listed(desk: Desk, question: str) -> None:
    async with asyncio.timeout(10):
        while question not in [gap.question for gap in (await desk.gaps()).gaps]:
            await asyncio.sleep(0.02)
