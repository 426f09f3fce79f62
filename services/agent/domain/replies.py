"""What the agent says of its own: greetings, that nothing was found, and apologies."""

from libs.contracts.session import Answer

from . import words

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
