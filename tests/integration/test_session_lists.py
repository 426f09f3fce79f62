"""Lists and history of the session service: in a stable order, in pages that are disjoint whatever happens meanwhile."""

import asyncio

import pytest

from libs.contracts import bus_map, operators
from libs.contracts import session as told
from libs.contracts.channels import encode
from libs.runtime.nats import NatsBus
from tests.support.talk import Talk


async def listed(talk: Talk, **fields: object) -> told.SessionPage:
    return await talk.bus.call(bus_map.LIST_SESSIONS, told.ListSessions(**fields), tenant=talk.tenant)


async def opened(bus: NatsBus, tenant: str, number: int, **fields: object) -> list[Talk]:
    talks = [Talk(bus, tenant) for _ in range(number)]
    for talk in talks:
        await talk.open(**fields)
    return talks


def mark(session: told.Session) -> told.Mark:
    return told.Mark(session.created_at, session.session_id)


async def pages(talk: Talk, between: object = None, **fields: object) -> list[told.Session]:
    """All pages of a list, with something happening between any two."""
    found: list[told.Session] = []
    after: told.Mark | None = None
    while True:
        page = await listed(talk, after=after, **fields)
        found += page.sessions
        if not page.more:
            return found
        after = mark(page.sessions[-1])
        if between:
            await between()


async def test_pages_by_mark_are_the_list(bus: NatsBus) -> None:
    talks = await opened(bus, "tenant_of_list", 7)
    newest_first = [talk.id for talk in reversed(talks)]
    for limit in (1, 3, 7, 8):
        found = await pages(talks[0], limit=limit)
        assert [session.session_id for session in found] == newest_first
    page = await listed(talks[0], limit=3)
    assert (page.total, page.more) == (7, True)
    after = await listed(talks[0], limit=3, after=mark(page.sessions[-1]))
    assert (after.total, after.more) == (7, True)
    assert [session.session_id for session in after.sessions] == newest_first[3:6]


@pytest.mark.parametrize(
    ("limit", "offset", "more"), [(7, 0, False), (6, 0, True), (3, 4, False), (3, 3, True), (1, 7, False)]
)
async def test_an_offset_says_whether_more_come(bus: NatsBus, limit: int, offset: int, more: bool) -> None:
    tenant = f"tenant_of_offsets_{limit}_{offset}"
    talks = await opened(bus, tenant, 7)
    page = await listed(talks[0], limit=limit, offset=offset)
    assert (page.total, page.more) == (7, more)
    assert len(page.sessions) == max(0, min(limit, 7 - offset))


async def test_pages_are_filtered_too(bus: NatsBus) -> None:
    tenant = "tenant_of_filtered_list"
    hers, his = await opened(bus, tenant, 5, user_id="her"), await opened(bus, tenant, 5, user_id="him")
    for talk in hers[:3]:
        await talk.set_status("ended")
    found = await pages(his[0], limit=2, user_id="her", status="ended")
    assert [session.session_id for session in found] == [talk.id for talk in reversed(hers[:3])]
    page = await listed(his[0], limit=1, user_id="her", after=mark(found[0]))
    assert page.total == 5
    assert [session.session_id for session in page.sessions] == [hers[1].id]


async def test_pages_are_disjoint_and_whole_while_sessions_come_and_change(bus: NatsBus) -> None:
    tenant = "tenant_of_busy_list"
    before = await opened(bus, tenant, 12)

    async def meanwhile() -> None:
        await asyncio.gather(*(Talk(bus, tenant).open() for _ in range(5)), before[0].post("I am busy"))

    found = [session.session_id for session in await pages(before[0], meanwhile, limit=5)]
    assert len(found) == len(set(found))
    assert {talk.id for talk in before} <= set(found)


async def test_sessions_made_at_the_same_moment_are_told_apart_by_their_ids(bus: NatsBus) -> None:
    talks = [Talk(bus, "tenant_of_moment") for _ in range(40)]
    await asyncio.gather(*(talk.open() for talk in talks))
    found = await pages(talks[0], limit=3)
    assert sorted(session.session_id for session in found) == sorted(talk.id for talk in talks)
    assert [mark(session) for session in found] == sorted(
        (mark(session) for session in found), key=lambda one: (one.created_at, one.id), reverse=True
    )


@pytest.mark.parametrize(
    ("fields", "seqs", "total"),
    [
        ({"before_seq": 4}, [1, 2, 3], 3),
        ({"before_seq": 1}, [], 0),
        ({"before_seq": 99}, [1, 2, 3, 4, 5, 6, 7], 7),
        ({"before_seq": 6, "after_seq": 2}, [3, 4, 5], 3),
        ({"before_seq": 6, "limit": 2, "order": "desc"}, [5, 4], 5),
        ({"before_seq": 6, "limit": 2, "offset": 2}, [3, 4], 5),
        ({"before_seq": 3, "after_seq": 2}, [], 0),
    ],
)
async def test_history_between_two_numbers(talk: Talk, fields: dict[str, object], seqs: list[int], total: int) -> None:
    for number in range(7):
        await talk.post(str(number))
    page = await talk.history(**fields)
    assert ([message.seq for message in page.messages], page.total) == (seqs, total)
    await talk.cancel()
    await talk.cancel()


async def test_backwards_pages_of_a_history_that_grows_are_disjoint_and_whole(talk: Talk) -> None:
    for number in range(9):
        await talk.post(str(number))
    seen: list[int] = []
    before: int | None = None
    while page := (await talk.history(before_seq=before, limit=4, order="desc")).messages:
        seen += [message.seq for message in page]
        before = seen[-1]
        await talk.post("more")
    assert seen == list(range(9, 0, -1))
    await talk.set_status("ended")


async def test_where_the_session_stands_comes_with_its_events(talk: Talk) -> None:
    await talk.post("one")
    page = await talk.events()
    assert (page.controller, page.last_seq) == ("agent", 1)
    await talk.set_status("escalated")
    assert (await talk.events()).controller == "nobody"
    await talk.take_over()
    await talk.reply("two")
    page = await talk.events()
    assert (page.controller, page.last_seq) == ("operator", 2)
    await talk.resolve()
    assert (await talk.events()).controller == "nobody"


# --- what is long is given in pieces that the broker carries


async def test_a_long_log_is_given_in_pages_that_fit(talk: Talk) -> None:
    words = "\N{PILE OF POO}" * 4000
    for number in range(100):
        await talk.post(words, f"c{number}")
    seen: list[int] = []
    while True:
        page = await talk.events(seen[-1] if seen else 0)
        seen += [event.ev_seq for event in page.events]
        if not page.events:
            break
        assert len(encode(page)) < 1024 * 1024
    assert seen == list(range(1, page.last_ev_seq + 1))


async def test_after_a_long_wait_the_agent_is_given_the_last_questions_and_answers_all(talk: Talk) -> None:
    await talk.take_over()
    words = "\N{PILE OF POO}" * 4000
    for number in range(60):
        await talk.post(words, f"c{number}")
    await talk.release()
    turn = await talk.claim()
    assert [message.seq for message in turn.questions] == list(range(41, 61))
    settled = await talk.complete(turn)
    assert settled.message is not None
    after = (await talk.history(after_seq=60)).messages
    assert [message.role for message in after] == ["assistant"]
    assert turn.turn_id == after[0].turn_id
    asked = [message.turn_id for message in (await talk.history(limit=20)).messages]
    assert set(asked) == {turn.turn_id}, "the first ones are answered too"


async def test_notes_come_in_pieces(talk: Talk) -> None:
    told = [f"note {number}" for number in range(30)]
    for each in told:
        await talk.add_note(each)
    first = await talk.ask(bus_map.LIST_NOTES, operators.ListNotes())
    rest = await talk.ask(bus_map.LIST_NOTES, operators.ListNotes(after=first.notes[-1].note_id))
    assert (len(first.notes), first.more, rest.more) == (25, True, False)
    assert [note.content for note in [*first.notes, *rest.notes]] == told
