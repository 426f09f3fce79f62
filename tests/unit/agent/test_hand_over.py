"""A turn that ends with a person, and one that never does."""

import pytest

from libs.contracts import bus_map
from libs.contracts.errors import Unavailable
from libs.contracts.session import Escalation
from services.agent.ports import ModelFault

from .fakes import DONE, Bus, KeptMemories, Log, SpokenModel, claim, turn, turns


async def test_r36_a_request_for_a_person_is_answered_without_search_or_model() -> None:
    bus, log, model = Bus(), Log(), SpokenModel("nothing", DONE)
    await turns(bus, model, log).answer(claim(turn("talk to a human")))
    answer = bus.requests(bus_map.COMPLETE_TURN)[0].answer
    assert answer.escalation == Escalation(
        reasons=["asked_for_person"], category="general", priority="normal", score=0.9, evidence=["talk to a human"]
    )
    assert answer.content == bus.joined
    assert "member of our team" in answer.content
    assert (answer.sources, answer.metadata["kind"], answer.metadata["attempt"]) == ([], "hand_over", 1)
    assert bus.requests(bus_map.SEARCH) == []
    assert model.prompts == []
    assert log.named("turn")[0]["outcome"] == "handed_over"


async def test_r35_a_hand_over_has_no_confidence() -> None:
    bus = Bus()
    await turns(bus, SpokenModel("nothing", DONE)).answer(claim(turn("I will sue you")))
    assert bus.requests(bus_map.COMPLETE_TURN)[0].answer.confidence is None


async def test_a_hand_over_speaks_the_customers_language_and_thinks_of_danger() -> None:
    for text, words in (
        ("Ich möchte mit einem Menschen sprechen", "Menschen aus unserem Team"),
        ("the charger caught fire", "emergency number"),
    ):
        bus = Bus()
        await turns(bus, SpokenModel("nothing", DONE)).answer(claim(turn(text)))
        assert words in bus.joined


async def test_r13_a_hand_over_works_though_search_and_model_fail() -> None:
    bus = Bus()
    bus.answer(bus_map.SEARCH, Unavailable("knowledge_unavailable", ""))
    await turns(bus, SpokenModel(ModelFault("model_unavailable"))).answer(claim(turn("talk to a human")))
    assert bus.requests(bus_map.COMPLETE_TURN)[0].answer.escalation is not None


@pytest.mark.parametrize("broken", ["search", "model"])
async def test_r13_a_failure_never_escalates(broken: str) -> None:
    bus = Bus()
    if broken == "search":
        bus.answer(bus_map.SEARCH, Unavailable("knowledge_unavailable", ""))
    await turns(bus, SpokenModel(ModelFault("model_unavailable"))).answer(claim(turn("How long does shipping take?")))
    answer = bus.requests(bus_map.COMPLETE_TURN)[0].answer
    assert (answer.escalation, answer.confidence) == (None, 0.0)


async def test_what_is_told_with_a_request_for_a_person_is_kept() -> None:
    memories = KeptMemories()
    text = "my email is ann@example.com, I want to talk to a human"
    await turns(Bus(), SpokenModel("nothing", DONE), memories=memories).answer(claim(turn(text)))
    assert [fact.value for fact in memories.facts["acme", "sess_1"]] == ["ann@example.com"]
