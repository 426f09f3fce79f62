"""Set answers: what is answered in set words, whichever model is configured. Nothing is looked for, so there is no gap.

- Whether a person or a machine writes is told as it is: an automated assistant.
- Where an answer did not help, the customer is asked what happened, and a person is offered. Who says so again is handed
  over: `grievances` counts an answer with `UNHELPFUL` as one that failed.
"""

from collections.abc import Sequence

from libs.contracts.session import Message

from . import grievances, languages, set_phrases, words
from .extract import Extract
from .phrases import Language
from .prompt import Outcome, Prompt
from .sufficiency import CLARIFIED

_WHO_WE_ARE: dict[Language, str] = {
    "en": "I'm an automated assistant, not a human being. If you like, a person from our team can help you: just ask for one.",
    "de": "Ich bin ein automatischer Assistent und kein Mensch. Wenn Sie möchten, hilft Ihnen ein Mensch aus unserem Team: Sagen Sie es "
    "mir einfach.",
    "es": "Soy un asistente automático, no una persona. Si lo desea, puede ayudarle una persona de nuestro equipo: solo tiene que pedirlo.",
    "fr": "Je suis un assistant automatique, pas un être humain. Si vous le souhaitez, une personne de notre équipe peut vous aider : "
    "il suffit de le demander.",
}
_DID_NOT_HELP: dict[Language, str] = {
    "en": "I'm sorry that this did not help. What did you try, and what happened then? If you like, a person from our team can help you: "
    "just ask for one.",
    "de": "Es tut mir leid, dass das nicht geholfen hat. Was haben Sie versucht, und was ist dabei passiert? Wenn Sie möchten, hilft Ihnen ein "
    "Mensch aus unserem Team: Sagen Sie es mir einfach.",
    "es": "Siento que no le haya servido. ¿Qué ha intentado y qué ha pasado? Si lo desea, puede ayudarle una persona de nuestro equipo: "
    "solo tiene que pedirlo.",
    "fr": "Je suis désolé que cela ne vous ait pas aidé. Qu'avez-vous essayé, et que s'est-il passé ? Si vous le souhaitez, une personne de "
    "notre équipe peut vous aider : il suffit de le demander.",
}


def reply(prompt: Prompt) -> Extract | None:
    """Give the answer in set words; None where the turn asks for anything else, or carries a colleague's decision."""
    questions = prompt.questions
    if prompt.unread or any(message.role != "user" or message.attachments for message in questions):
        return None
    texts = [message.content for message in questions if not words.is_small_talk(message.content)]
    if not texts:
        return None
    asked: list[Language | None] = [set_phrases.asks_who_we_are(text) for text in texts]
    if all(asked):
        return Extract(_WHO_WE_ARE[_language(asked, prompt)], Outcome(metadata={"kind": "set"}))
    complained: list[Language | None] = [set_phrases.says_that_it_did_not_help(text) for text in texts]
    if all(complained) and _answered(prompt.history):
        metadata = {"kind": "set", CLARIFIED: True, grievances.UNHELPFUL: True}
        return Extract(_DID_NOT_HELP[_language(complained, prompt)], Outcome(metadata=metadata))
    return None


def _answered(history: Sequence[Message]) -> bool:
    """Say whether we have answered since a person last had the conversation; who was asked ("Is it ...?") replies to that."""
    said = grievances.since_a_person(history)
    asked = next((place for place, message in enumerate(said) if _asks(message)), None)
    answers = [message for message in said[asked:] if message.role == "assistant"] if asked is not None else []
    return bool(answers) and not answers[-1].content.rstrip().endswith("?")


def _asks(message: Message) -> bool:
    return message.role == "user" and bool(words.content(message.content))


def _language(found: Sequence[Language | None], prompt: Prompt) -> Language:
    """Give the language of the last phrase: a few words that do not tell their language elsewhere."""
    for language in reversed(found):
        if language:
            return language
    return languages.spoken([*prompt.history, *prompt.questions]).ours
