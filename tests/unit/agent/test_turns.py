"""One turn from claim to stored answer, and every way in which it can end otherwise."""

import asyncio

import pytest

from libs.contracts import bus_map
from libs.contracts.agent import AskSnapshot
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, Internal, TimedOut, Unavailable
from libs.contracts.frames import Sources, Status, Text
from libs.contracts.knowledge import SearchResult
from libs.contracts.session import LeaseRenewed, TurnSettled
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.app import Limits
from services.agent.domain.prompt import Outcome
from services.agent.ports import ModelFault

from .fakes import DONE, Bus, Log, SpokenModel, claim, source, turn, turns, until


def kinds(bus: Bus) -> list[str]:
    return [f.frame.stage if isinstance(f.frame, Status) else type(f.frame).__name__ for f in bus.told]


async def test_a_turn_says_what_it_does_streams_and_stores() -> None:
    bus, log = Bus(), Log()
    await turns(bus, SpokenModel("Thirty ", "days. [1]", DONE), log).answer(claim())
    assert kinds(bus)[:4] == ["context", "knowledge", "Sources", "model"]
    assert set(kinds(bus)[4:]) == {"Text"}
    stored = bus.requests(bus_map.COMPLETE_TURN)[0]
    assert (stored.turn_id, stored.attempt, stored.epoch, stored.message_id) == ("turn_1", 1, 3, "msg_1")
    assert stored.answer.content == bus.joined == "Thirty days. [1]"
    assert [s.rank for s in stored.answer.sources] == [1]
    assert stored.answer.confidence == 0.8
    assert stored.answer.metadata == {"model": "spoken", "attempt": 1}
    [line] = log.named("turn")
    assert (line["outcome"], line["tokens"], line["turn"]) == ("answered", 3, "turn_1")


async def test_the_log_line_of_a_turn_holds_no_customer_words() -> None:
    log = Log()
    await turns(Bus(), SpokenModel("secret reply", DONE), log).answer(claim(turn("my secret question")))
    assert "secret" not in repr(log.lines)


async def test_the_first_text_leaves_at_once_and_the_rest_is_coalesced() -> None:
    bus = Bus()
    pieces = [piece for n in range(20) for piece in (f"t{n} ", 0.005)]
    await turns(bus, SpokenModel(*pieces, DONE), limits=Limits(text_interval_s=0.04)).answer(claim())
    assert bus.texts[0].content == "t0 "
    assert 3 <= len(bus.texts) <= 8
    assert [t.offset for t in bus.texts] == [len(bus.joined.partition(t.content)[0]) for t in bus.texts]


async def test_offsets_count_code_points() -> None:
    bus = Bus()
    await turns(bus, SpokenModel("naïve 👍 ", 0.05, "日本", DONE)).answer(claim())
    assert [(t.offset, t.content) for t in bus.texts] == [(0, "naïve 👍 "), (8, "日本")]


async def test_control_characters_do_not_leave() -> None:
    bus = Bus()
    await turns(bus, SpokenModel("a\x00b\x1b[31m\tc\r\nd", DONE)).answer(claim())
    assert bus.requests(bus_map.COMPLETE_TURN)[0].answer.content == bus.joined == "ab[31m\tc\nd"


async def test_control_characters_hide_no_link() -> None:
    bus = Bus()
    await turns(bus, SpokenModel("See https:/\x01/evil.test, java\x02script:alert(1)", DONE)).answer(claim())
    assert bus.joined == "See (link removed), (link removed))"


@pytest.mark.parametrize(
    "error", [Unavailable("knowledge_unavailable", ""), TimedOut("timed_out", ""), Internal("x", "")]
)
async def test_r13_knowledge_failing_is_a_stored_apology(error: Exception) -> None:
    bus, log = Bus(), Log()
    bus.answer(bus_map.SEARCH, error)
    await turns(bus, SpokenModel("never", DONE), log).answer(claim())
    answer = bus.requests(bus_map.COMPLETE_TURN)[0].answer
    assert answer.metadata["error"] == {"code": "knowledge_unavailable", "retryable": True}
    assert (answer.metadata["model"], answer.metadata["attempt"]) == ("spoken", 1)
    assert answer.confidence == 0.0
    assert answer.sources == []
    assert answer.content == bus.joined
    assert "sorry" in answer.content
    assert bus.requests(bus_map.FAIL_TURN) == []
    assert log.named("turn")[0]["outcome"] == "apologised"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (SpokenModel(ModelFault("model_unavailable")), "model_unavailable"),
        (SpokenModel(RuntimeError("boom")), "model_failed"),
        (SpokenModel(TimeoutError()), "model_failed"),
        (SpokenModel(DONE), "model_incomplete"),
        (SpokenModel(1.0, "late", DONE), "model_timed_out"),
    ],
)
async def test_r13_a_model_failing_before_any_text_is_a_stored_apology(model: SpokenModel, code: str) -> None:
    bus = Bus()
    await turns(bus, model, limits=Limits(first_token_s=0.05, text_interval_s=0.01)).answer(claim())
    answer = bus.requests(bus_map.COMPLETE_TURN)[0].answer
    assert answer.metadata["error"] == {"code": code, "retryable": True}
    assert answer.content == bus.joined
    assert model.closed == 1


async def test_the_limit_for_the_first_token_does_not_bind_later_ones() -> None:
    bus = Bus()
    model = SpokenModel("a ", 0.1, "b", DONE)
    await turns(bus, model, limits=Limits(first_token_s=0.05, text_interval_s=0.01)).answer(claim())
    assert bus.requests(bus_map.COMPLETE_TURN)[0].answer.content == "a b"


@pytest.mark.parametrize(
    ("things", "code"),
    [
        (("some ", ModelFault("model_unavailable")), "model_unavailable"),
        (("some ", ValueError("x")), "model_failed"),
        (("some ",), "model_incomplete"),
        (("some ", 9.0), "turn_timed_out"),
    ],
)
async def test_failing_after_text_has_left_asks_for_the_next_attempt(things: tuple[object, ...], code: str) -> None:
    bus, log = Bus(), Log()
    limits = Limits(turn_s=0.1, text_interval_s=0.01)
    await turns(bus, SpokenModel(*things), log, limits).answer(claim())
    [failed] = bus.requests(bus_map.FAIL_TURN)
    assert (failed.turn_id, failed.attempt, failed.code, failed.counted) == ("turn_1", 1, code, True)
    assert bus.requests(bus_map.COMPLETE_TURN) == []
    assert log.named("turn")[0]["outcome"] == "failed"


async def test_what_nobody_foresaw_gives_the_turn_back_as_internal() -> None:
    bus = Bus()
    bus.answer(bus_map.COMPLETE_TURN, ValueError("a fault of ours"))
    await turns(bus, SpokenModel("a", DONE)).answer(claim())
    assert [failed.code for failed in bus.requests(bus_map.FAIL_TURN)] == ["internal"]


async def test_a_refused_answer_is_dropped() -> None:
    bus, log = Bus(), Log()
    bus.answer(bus_map.COMPLETE_TURN, Conflict("stale_attempt", "another attempt"))
    await turns(bus, SpokenModel("a", DONE), log).answer(claim())
    assert len(bus.requests(bus_map.COMPLETE_TURN)) == 1
    assert bus.requests(bus_map.FAIL_TURN) == []
    assert (log.named("turn")[0]["outcome"], log.named("turn")[0]["code"]) == ("refused", "stale_attempt")


async def test_an_answer_is_offered_again_with_the_same_message_id() -> None:
    bus = Bus()
    bus.answer(bus_map.COMPLETE_TURN, TimedOut("timed_out", ""), TurnSettled("completed"))
    await turns(bus, SpokenModel("a", DONE)).answer(claim())
    first, second = bus.requests(bus_map.COMPLETE_TURN)
    assert first == second


async def test_a_lost_lease_stops_the_attempt_and_it_says_nothing_more() -> None:
    bus, log = Bus(), Log()
    bus.answer(bus_map.RENEW_LEASE, LeaseRenewed(0.3), Conflict("lease_lost", ""))
    model = SpokenModel(*(thing for n in range(200) for thing in (f"t{n} ", 0.01)), DONE)
    await turns(bus, model, log).answer(claim(turn(lease_s=0.3)))
    told = len(bus.told)
    await asyncio.sleep(0.05)
    assert len(bus.told) == told
    assert 0 < len(bus.texts) < 60
    assert bus.requests(bus_map.COMPLETE_TURN) == bus.requests(bus_map.FAIL_TURN) == []
    assert log.named("turn")[0]["outcome"] == "lease_lost"
    assert model.closed == 1


async def test_a_lease_that_nobody_renews_ends_by_the_local_clock() -> None:
    bus, log = Bus(), Log()
    bus.answer(bus_map.RENEW_LEASE, Unavailable("session_unavailable", ""))
    started = asyncio.get_running_loop().time()
    await turns(bus, SpokenModel("a ", 5.0, "b", DONE), log).answer(claim(turn(lease_s=0.2)))
    assert 0.19 <= asyncio.get_running_loop().time() - started < 0.6
    assert log.named("turn")[0]["outcome"] == "lease_lost"
    assert bus.joined == "a "


async def test_a_renewed_lease_lets_a_long_answer_finish() -> None:
    bus = Bus()
    bus.answer(bus_map.RENEW_LEASE, LeaseRenewed(0.15))
    await turns(bus, SpokenModel("a ", 0.5, "b", DONE)).answer(claim(turn(lease_s=0.15)))
    assert bus.requests(bus_map.COMPLETE_TURN)[0].answer.content == "a b"
    assert len(bus.requests(bus_map.RENEW_LEASE)) >= 4


async def test_a_repeated_claim_renews_before_it_counts_on_the_lease() -> None:
    bus, log = Bus(), Log()
    bus.answer(bus_map.RENEW_LEASE, Conflict("lease_lost", ""))
    await turns(bus, SpokenModel(1.0, "a", DONE), log).answer(claim(repeated=True))
    assert log.named("turn")[0]["outcome"] == "lease_lost"
    assert bus.texts == []


async def test_a_cancelled_turn_is_given_back_uncounted() -> None:
    bus, log = Bus(), Log()
    work = asyncio.create_task(turns(bus, SpokenModel("a ", 5.0, DONE), log).answer(claim()))
    await until(lambda: bus.texts)
    work.cancel()
    await asyncio.wait([work])
    assert work.cancelled()
    [failed] = bus.requests(bus_map.FAIL_TURN)
    assert (failed.code, failed.counted) == ("agent_draining", False)
    assert log.named("turn")[0]["outcome"] == "given_back"


async def test_a_turn_cancelled_while_its_answer_is_being_stored_is_not_given_back() -> None:
    bus = Bus()

    async def never(_request: object) -> None:
        await asyncio.sleep(5)

    bus.answers["complete_turn"] = never
    work = asyncio.create_task(turns(bus, SpokenModel("a", DONE)).answer(claim()))
    await until(lambda: bus.requests(bus_map.COMPLETE_TURN))
    work.cancel()
    await asyncio.wait([work])
    assert bus.requests(bus_map.FAIL_TURN) == []


async def test_a_snapshot_is_what_was_told() -> None:
    bus = Bus()
    model = SpokenModel(*(thing for n in range(30) for thing in (f"t{n} ", 0.004)), DONE)
    working = turns(bus, model)
    work = asyncio.create_task(working.answer(claim()))
    asking = Context(tenant="acme", key="agent_1")
    seen: set[str] = set()
    while not work.done():
        snapshot = await working.snapshot(AskSnapshot("turn_1"), asking)
        if snapshot.attempt:
            assert snapshot.text == bus.joined
            assert (snapshot.sources is not None) == any(isinstance(f.frame, Sources) for f in bus.told)
            seen.add(snapshot.text)
        await asyncio.sleep(0.002)
    await work
    assert len(seen) > 5
    assert (await working.snapshot(AskSnapshot("turn_1"), asking)).attempt == 0


async def test_a_snapshot_is_taken_in_the_step_in_which_a_frame_is_handed_over() -> None:
    bus = Bus()
    working = turns(bus, SpokenModel("one ", 0.03, "two", DONE))
    asking = Context(tenant="acme", key="agent_1")
    plain = bus.announce

    async def announce(channel: object, payload: object, **where: str) -> None:
        told = await working.snapshot(AskSnapshot("turn_1"), asking)
        if isinstance(payload.frame, Text):  # type: ignore[attr-defined]
            assert told.text == bus.joined + payload.frame.content  # type: ignore[attr-defined]
        await plain(channel, payload, **where)

    bus.announce = announce  # type: ignore[method-assign]
    await working.answer(claim())
    assert bus.joined == "one two"


async def test_a_snapshot_of_another_tenants_turn_is_that_of_none() -> None:
    bus = Bus()
    working = turns(bus, SpokenModel("a ", 0.1, DONE))
    work = asyncio.create_task(working.answer(claim()))
    await until(lambda: bus.texts)
    assert (await working.snapshot(AskSnapshot("turn_1"), Context(tenant="other"))).text == ""
    await work


async def test_sources_are_the_cited_ones_numbered_as_in_the_text() -> None:
    bus = Bus()
    found = [source(f"Passage {rank}.", rank=rank) for rank in range(1, 6)]
    bus.answer(bus_map.SEARCH, SearchResult(sources=found, method="dense", model="test"))
    await turns(bus, SpokenModel("a [1] b [2]", Outcome(used=[4, 2]))).answer(claim())
    stored = bus.requests(bus_map.COMPLETE_TURN)[0].answer.sources
    assert [(s.content, s.rank) for s in stored] == [("Passage 4.", 1), ("Passage 2.", 2)]
    [candidates] = [f.frame for f in bus.told if isinstance(f.frame, Sources)]
    assert len(candidates.sources) == 5


async def test_the_extractive_model_answers_through_the_whole_turn() -> None:
    bus = Bus()
    found = [source("Unused items can be returned within 30 days.\nLater ones cannot.", title="Returns", score=0.7)]
    bus.answer(bus_map.SEARCH, SearchResult(sources=found, method="dense", model="test"))
    await turns(bus, ExtractiveModel()).answer(claim(turn("How long do I have to return something?")))
    answer = bus.requests(bus_map.COMPLETE_TURN)[0].answer
    assert "30 days" in answer.content
    assert answer.content == bus.joined
    assert answer.metadata == {"model": "extractive", "kind": "extractive", "attempt": 1, "retrieval_score": 0.7}
    assert bus.requests(bus_map.SEARCH)[0].query == "How long do I have to return something?"
