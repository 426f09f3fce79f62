"""What is answered in set words: who we are, and an answer that did not help."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.session import Answer, AttachmentRef, Message
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.adapters.intent_weights import read_intents
from services.agent.app.set_answers import SetAnswers
from services.agent.domain import escalation, languages, set_answers, set_phrases
from services.agent.domain.grievances import UNHELPFUL
from services.agent.domain.prompt import Prompt

from .fakes import Bus, SpokenModel, claim, message, turn, turns
from .test_answers import World, decision

INTENTS = read_intents()
ASKED = message("How do I reset my password?", seq=1)
ANSWERED = message("Open the settings and choose Reset. [1]", seq=2, role="assistant")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Are you a bot?", "en"), ("are you human?", "en"), ("Are you a real person or a bot?", "en"), ("am I talking to a real person?", "en"),
        ("is this a bot?", "en"), ("Is this AI?", "en"), ("Hi, are you a robot", "en"), ("Hello! Am I speaking with a human being?", "en"),
        ("Who am I talking to?", "en"), ("You're a bot, right?", "en"), ("are you chatgpt?", "en"), ("is this an automated response?", "en"),
        ("Are you an AI assistant?", "en"), ("Who are you?", "en"), ("are you actually a person", "en"), ("Bist du ein Bot?", "de"),
        ("Sind Sie ein Mensch?", "de"), ("Sind Sie ein echter Mensch oder eine Maschine?", "de"), ("Rede ich hier mit einer KI?", "de"),
        ("Ist das ein Chatbot?", "de"), ("Bist du ein Roboter", "de"), ("Mit wem spreche ich?", "de"), ("Bist du echt?", "de"),
        ("¿Eres un robot?", "es"), ("¿Eres una persona real?", "es"), ("Hola, ¿es usted un bot?", "es"),
        ("¿Estoy hablando con una máquina?", "es"), ("eres humano?", "es"), ("¿Quién eres?", "es"), ("¿Es usted una persona?", "es"),
        ("Êtes-vous un robot ?", "fr"), ("Es-tu un bot ?", "fr"), ("Vous êtes humain ?", "fr"), ("C'est un robot ?", "fr"),
        ("Est-ce que je parle à une vraie personne ?", "fr"), ("est-ce que vous êtes un robot?", "fr"), ("Qui êtes-vous ?", "fr"),
        ("is this a robot?", "en"), ("Is this a person or a bot?", "en"), ("ARE YOU A BOT???", "en"),
    ],
)  # fmt: skip
def test_who_asks_what_we_are_is_told(text: str, language: str) -> None:
    assert set_phrases.asks_who_we_are(text) == language
    assert escalation.decide([message(text)], (), INTENTS) is None


@pytest.mark.parametrize(
    "text",
    [
        "are you open on Sunday?", "is this a real product?", "is this person authorised?", "are you a bot? I want a human",
        "Is the machine new?", "who are you shipping with?", "are you hiring a person?", "what are your hours", "is it automatic renewal",
        "Is it an automatic watch?", "are there robots in the shop", "I want to talk to a human", "Is there a human I can talk to?",
        "are you able to help", "Sind Sie telefonisch erreichbar?", "Ist das eine neue Maschine?", "Ist das der richtige Computer?",
        "¿Es un robot de cocina?", "C'est une machine à laver ?", "who are your partners", "Is it a computer desk?", "is this real leather",
        "is it automatic?", "is it a machine?", "is it real?", "Are you a bot? How do I reset my password?",
    ],
)  # fmt: skip
def test_what_is_no_question_about_us(text: str) -> None:
    assert set_phrases.asks_who_we_are(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Still does not work.", "en"), ("That didn't help", "en"), ("it still doesn't work", "en"), ("not helpful", "en"),
        ("Not very helpful.", "en"), ("I tried that, but it doesn't work", "en"), ("Same problem", "en"), ("still the same error", "en"),
        ("It's still broken", "en"), ("No luck", "en"), ("nothing changed", "en"), ("the problem persists", "en"),
        ("This does not help me at all.", "en"), ("That did not answer my question", "en"), ("your answer was not helpful", "en"),
        ("does not work", "en"), ("Sorry, that doesn't work either", "en"), ("that's not what I asked", "en"),
        ("I already tried that and it didn't work", "en"), ("Das hat mir nicht geholfen.", "de"), ("Geht immer noch nicht", "de"),
        ("Funktioniert leider nicht", "de"), ("Das hilft mir nicht weiter", "de"), ("Das hat nicht funktioniert", "de"),
        ("Nicht hilfreich", "de"), ("Das Problem besteht weiterhin", "de"), ("Immer noch das gleiche Problem", "de"),
        ("Das war nicht hilfreich", "de"), ("Das bringt nichts", "de"), ("Hat nichts gebracht", "de"), ("Sigue sin funcionar", "es"),
        ("No me ha ayudado", "es"), ("Eso no me ayuda", "es"), ("No funciona", "es"), ("Todavía no funciona", "es"),
        ("Sigo con el mismo problema", "es"), ("no me sirve", "es"), ("No ha servido de nada", "es"), ("Ça ne marche toujours pas", "fr"),
        ("Cela ne m'a pas aidé", "fr"), ("Ça ne fonctionne pas", "fr"), ("toujours pas", "fr"), ("Pas utile", "fr"),
        ("Le problème persiste", "fr"), ("Ça n'a rien changé", "fr"), ("ça marche pas", "fr"), ("Cela ne m'aide pas", "fr"),
    ],
)  # fmt: skip
def test_who_was_not_helped_is_understood(text: str, language: str) -> None:
    assert set_phrases.says_that_it_did_not_help(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Das Paket ist nicht angekommen", "Das hat mir geholfen", "Das ist nicht meine Bestellung", "Does it not work in Spain?",
        "Does not work with Windows 11", "Es esto de ayuda?", "Es ist nicht da", "I did not get help with my order", "Is that any help",
        "La app no funciona", "Mon colis n'est pas arrivé", "My printer does not work", "No es eso", "No es mi pedido", "No tengo mi pedido",
        "Wo ist mein Paket?", "das war nicht ich", "es ist nicht", "how does it work", "is not useful for kids?", "it is not", "it works",
        "je ne sais pas", "never", "nicht", "no", "not yet", "pas", "pas encore", "rien", "same thing please", "that helped, thanks",
        "the login does not work",
    ],
)  # fmt: skip
def test_what_says_more_or_something_else(text: str) -> None:
    assert set_phrases.says_that_it_did_not_help(text) is None


def prompt(*texts: str | Message, history: tuple[Message, ...] = (), **more: Any) -> Prompt:
    asked = [text if isinstance(text, Message) else message(text, seq=seq) for seq, text in enumerate(texts, start=5)]
    given: dict[str, Any] = {
        "turn_id": "turn_1",
        "attempt": 1,
        "tenant": "acme",
        "session_id": "sess_1",
        "user_id": None,
        **more,
    }
    return Prompt(questions=asked, history=list(history), passages=[], **given)


def said(*texts: str | Message, history: tuple[Message, ...] = (), **more: Any) -> str | None:
    found = set_answers.reply(prompt(*texts, history=history, **more))
    return found.text if found else None


@pytest.mark.parametrize(
    ("text", "honest"),
    [
        ("Are you a bot?", "I'm an automated assistant"), ("Bist du ein Bot?", "Ich bin ein automatischer Assistent"),
        ("¿Eres un robot?", "Soy un asistente automático"), ("Êtes-vous un robot ?", "Je suis un assistant automatique"),
    ],
)  # fmt: skip
async def test_it_says_honestly_what_it_is_and_leaves_no_gap(text: str, honest: str) -> None:
    answer = await answered(ExtractiveModel(), text)
    assert answer.content.startswith(honest)
    assert (answer.confidence, answer.sources, answer.escalation) == (None, [], None)
    assert answer.metadata == {"model": "extractive", "kind": "set", "attempt": 1}
    # A person is offered in words that a "yes" takes up.
    offered = message(answer.content, seq=2, role="assistant")
    accepted = escalation.decide([message("yes please", seq=3)], [message(text), offered], INTENTS)
    assert accepted is not None
    assert accepted.escalation.reasons == ["asked_for_person"]


async def answered(model: Any, *texts: str, history: tuple[Message, ...] = ()) -> Answer:
    bus = Bus()
    asked = [message(text, seq=seq) for seq, text in enumerate(texts, start=5)]
    given = replace(turn(), questions=asked, history=list(history))
    await turns(bus, SetAnswers(model)).answer(claim(given))
    [stored] = bus.requests(bus_map.COMPLETE_TURN)
    assert stored.answer.content == bus.joined
    return stored.answer


async def test_no_language_model_is_asked_for_what_is_said_in_set_words() -> None:
    world = World(["never"])
    assert "automated assistant" in (await answered(world.model, "Hello", "are you a bot?")).content
    assert world.completions.requests == []


async def test_whatever_else_is_asked_is_the_models_to_answer() -> None:
    model = SetAnswers(world := World(["Within thirty days [1]."]).model)
    assert (model.name, model.about) == (world.name, world.about)
    answer = await answered(world, "Are you a bot? How long may I return a lamp?")
    assert answer.content == "Within thirty days [1]."


async def test_what_was_begun_is_the_models_to_say() -> None:
    world = World(["never"])
    assert await SetAnswers(world.model).has_begun("acme", "turn_1") is False
    world.stage.journal.kept["turn_1", 1] = None  # type: ignore[assignment] - any step will do
    assert await SetAnswers(world.model).has_begun("acme", "turn_1") is True
    assert await SetAnswers(SpokenModel("x")).has_begun("acme", "turn_1") is False


def test_a_colleagues_decision_or_a_file_is_never_answered_in_set_words() -> None:
    assert said("are you a bot?") is not None
    assert said("are you a bot?", decision()) is None
    file = AttachmentRef("att_1", "photo.png", "image/png", 10)
    assert said(replace(message("does not work", seq=5), attachments=[file]), history=(ASKED, ANSWERED)) is None
    assert said("are you a bot?", unread=["photo.png"]) is None


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Still does not work.", "I'm sorry that this did not help."), ("Das hat mir nicht geholfen.", "Es tut mir leid"),
        ("Sigue sin funcionar", "Siento que"), ("Cela ne m'a pas aidé", "Je suis désolé"),
    ],
)  # fmt: skip
def test_who_was_not_helped_is_asked_what_happened_and_offered_a_person(text: str, begins: str) -> None:
    assert escalation.decide([message(text, seq=5)], [ASKED, ANSWERED], INTENTS) is None
    found = set_answers.reply(prompt(text, history=(ASKED, ANSWERED)))
    assert found is not None
    assert found.text.startswith(begins)
    assert found.outcome.metadata == {"kind": "set", "clarified": True, "unhelpful": True}
    ours = message(found.text, seq=6, role="assistant")
    taken = escalation.decide(
        [message("ja gerne" if "leid" in begins else "yes", seq=7)], [ASKED, ANSWERED, ours], INTENTS
    )
    assert taken is not None


@pytest.mark.parametrize("again", ["Still does not work.", "Das hat auch nicht geholfen.", "same problem", "no luck"])
@pytest.mark.parametrize("intents", [INTENTS, None], ids=["with classifier", "tables alone"])
def test_who_was_not_helped_twice_is_handed_over(again: str, intents: Any) -> None:
    first = message("That didn't help", seq=3)
    ours = replace(message("I'm sorry ...", seq=4, role="assistant"), metadata={UNHELPFUL: True})
    explained = message("I see error 5 on the second page", seq=5)
    answer = message("Error 5 says that the link is old. [1]", seq=6, role="assistant")
    decided = escalation.decide([message(again, seq=7)], [ASKED, ANSWERED, first, ours, explained, answer], intents)
    assert decided is not None
    assert decided.escalation.reasons == ["unhappy_repeatedly"]
    unmarked = replace(ours, metadata={})
    assert escalation.decide([message(again, seq=7)], [ASKED, ANSWERED, first, unmarked], None) is None


@pytest.mark.parametrize(
    "history",
    [(), (message("hello"), message("Hello! What can I help you with?", seq=2, role="assistant")), (ASKED,)],
    ids=["nothing", "a greeting", "no answer yet"],
)
def test_where_nothing_was_answered_nothing_can_have_failed(history: tuple[Message, ...]) -> None:
    assert said("it does not work", history=history) is None


def test_what_was_before_a_colleague_had_the_conversation_does_not_count() -> None:
    colleague = message("I have reset it for you.", seq=3, role="operator")
    assert said("does not work", history=(ASKED, ANSWERED)) is not None
    assert said("does not work", history=(ASKED, ANSWERED, colleague)) is None


def test_the_language_is_the_phrases_own() -> None:
    assert languages.detect("Êtes-vous un robot ?") is None
    assert "assistant automatique" in (said("Êtes-vous un robot ?") or "")


@pytest.mark.parametrize(
    "piece", ["no ", "still ", "not ", "are you a ", "pas ", "that ", "a", "real ", "toujours ", "noch immer "]
)
def test_no_text_takes_long(piece: str) -> None:
    for text in (piece * 4000, piece * (120 // len(piece))):
        started = time.process_time()
        set_phrases.asks_who_we_are(text)
        set_phrases.says_that_it_did_not_help(text)
        assert time.process_time() - started < 0.3
