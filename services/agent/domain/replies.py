"""What the agent says of its own: greetings, that nothing was found, and apologies."""

from libs.contracts.session import Answer

from . import words
from .escalation import HandOver
from .phrases import Language

NOTHING_FOUND = (
    "I couldn't find anything about that in our help pages. You could put the question in other words, "
    "or ask for a person, and somebody from our team will help you."
)
CLOSEST = "I'm not sure that this answers your question; it is the closest I found in our help pages: "

_GREETING = "Hello! What can I help you with?"
_THANKS = "You're welcome! Is there anything else that I can help you with?"
_GOODBYE = "Goodbye, and thank you for writing to us!"

_APOLOGIES = {
    "knowledge": (
        "I'm sorry, I can't look into our help pages right now, so I can't answer this reliably. "
        "Please ask again in a few minutes, or ask for a person."
    ),
    "model": (
        "I'm sorry, I couldn't put together an answer just now because of a problem on our side. "
        "Please ask again in a few minutes, or ask for a person."
    ),
}
_HAND_OVER: dict[Language, str] = {
    "en": "I'm passing this conversation on to a member of our team, who will answer you here.",
    "de": "Ich gebe dieses Gespräch an einen Menschen aus unserem Team weiter, der Ihnen hier antworten wird.",
    "es": "Paso esta conversación a una persona de nuestro equipo, que le responderá aquí.",
    "fr": "Je transmets cette conversation à une personne de notre équipe, qui vous répondra ici.",
}
_IN_DANGER: dict[Language, str] = {
    "en": "If anyone is in danger, please call your local emergency number now.",
    "de": "Wenn jemand in Gefahr ist, rufen Sie bitte jetzt den Notruf an.",
    "es": "Si alguien está en peligro, llame ahora al número de emergencias.",
    "fr": "Si quelqu'un est en danger, appelez dès maintenant les secours.",
}
# How much of a question is repeated to the customer.
_MAX_QUOTED = 120


def small_talk(texts: list[str]) -> str:
    """Answer a greeting, a thank-you or a good-bye, and what has no words at all."""
    text = " ".join(texts)
    if not words.is_small_talk(text):
        return NOTHING_FOUND
    if words.any_of(text, ("bye", "goodbye", "night")):
        return _GOODBYE
    return _THANKS if words.any_of(text, ("thanks", "thank", "thx", "cheers")) else _GREETING


def nothing_about(question: str) -> str:
    """Say which of several questions has no answer."""
    short = question if len(question) <= _MAX_QUOTED else question[:_MAX_QUOTED].rpartition(" ")[0] + " …"
    return f"I couldn't find anything in our help pages about “{short}”. You can ask for a person about it."


def apology(part: str, code: str, model: str) -> Answer:
    """Say honestly that an answer is not possible now: stored like an answer, with no confidence and no sources.

    Args:
        part: what failed, `knowledge` or `model`.
        code: what went wrong, for `metadata.error.code`.
        model: the model that would have answered.
    """
    return Answer(
        content=_APOLOGIES[part],
        confidence=0.0,
        metadata={"model": model, "error": {"code": code, "retryable": True}},
    )


def hand_over(decision: HandOver, model: str) -> Answer:
    """Say that a person will answer. It is no answer to the question, so it has no confidence and no sources.

    Args:
        decision: why, and in which language to say so.
        model: the model that would have answered.
    """
    text = _HAND_OVER[decision.language]
    if "safety" in decision.escalation.reasons:
        text = f"{_IN_DANGER[decision.language]} {text}"
    return Answer(content=text, metadata={"model": model, "kind": "hand_over"}, escalation=decision.escalation)


def not_read(names: list[str]) -> str:
    """Say which files an answer was given without."""
    return f"I could not read {', '.join(names)}, so this answer does not take it into account."
