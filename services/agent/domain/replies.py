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

_GREETING: dict[Language, str] = {
    "en": "Hello! What can I help you with?",
    "de": "Hallo! Wobei kann ich Ihnen helfen?",
    "es": "¡Hola! ¿En qué le puedo ayudar?",
    "fr": "Bonjour ! En quoi puis-je vous aider ?",
}
_THANKS: dict[Language, str] = {
    "en": "You're welcome! Is there anything else that I can help you with?",
    "de": "Gern geschehen! Kann ich Ihnen sonst noch helfen?",
    "es": "¡De nada! ¿Le puedo ayudar en algo más?",
    "fr": "Avec plaisir ! Puis-je vous aider pour autre chose ?",
}
_GOODBYE: dict[Language, str] = {
    "en": "Goodbye, and thank you for writing to us!",
    "de": "Auf Wiedersehen, und danke für Ihre Nachricht!",
    "es": "¡Hasta luego, y gracias por escribirnos!",
    "fr": "Au revoir, et merci de nous avoir écrit !",
}
# Words of greetings and thanks that one language has: these are too few for telling it otherwise.
_TALK: dict[Language, tuple[str, ...]] = {
    "de": (
        "hallo",
        "guten",
        "tag",
        "morgen",
        "abend",
        "danke",
        "dank",
        "dankeschön",
        "vielen",
        "tschüss",
        "geholfen",
        "moin",
    ),
    "es": ("hola", "gracias", "buenos", "buenas", "adiós", "adios", "muchas", "ayudó", "ayudado"),
    "fr": ("bonjour", "bonsoir", "merci", "salut", "beaucoup", "aidé", "revoir"),
}

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
_UNCONFIRMED: dict[Language, str] = {
    "en": "I can't tell whether something that I began for you was completed, so I won't try it again.",
    "de": "Ich kann nicht erkennen, ob etwas, das ich für Sie begonnen habe, abgeschlossen wurde, und versuche es deshalb nicht noch einmal.",
    "es": "No puedo saber si algo que empecé para usted se completó, así que no lo intentaré de nuevo.",
    "fr": "Je ne peux pas savoir si une action que j'ai commencée pour vous a abouti, je ne la relance donc pas.",
}
_ABSTENTION: dict[Language, str] = {
    "en": "I couldn't find anything about {what} in our help pages. If you like, a person from our team can help you: just ask for one.",
    "de": "Ich konnte in unseren Hilfeseiten nichts über {what} finden. Wenn Sie möchten, hilft Ihnen ein Mensch aus unserem Team: Sagen "
    "Sie es mir einfach.",
    "es": "No he encontrado nada sobre {what} en nuestras páginas de ayuda. Si lo desea, puede ayudarle una persona de nuestro equipo: "
    "solo tiene que pedirlo.",
    "fr": "Je n'ai rien trouvé sur {what} dans nos pages d'aide. Si vous le souhaitez, une personne de notre équipe peut vous aider : "
    "il suffit de le demander.",
}
_THAT: dict[Language, str] = {"en": "that", "de": "dieses Thema", "es": "eso", "fr": "ce sujet"}
_MARKS: dict[Language, str] = {"en": "“{}”", "de": "„{}“", "es": "«{}»", "fr": "« {} »"}
_CLARIFYING: dict[Language, str] = {
    "en": "I'm not sure what you mean. Could you tell me a little more about what you would like to know?",
    "de": "Ich bin nicht sicher, was Sie meinen. Können Sie mir etwas genauer sagen, was Sie wissen möchten?",
    "es": "No tengo claro lo que quiere decir. ¿Podría contarme un poco más sobre lo que desea saber?",
    "fr": "Je n'ai pas bien compris. Pourriez-vous me préciser ce que vous souhaitez savoir ?",
}
_NOT_READ: dict[Language, str] = {
    "en": "I could not read {files}, so this answer does not take it into account.",
    "de": "Ich konnte {files} nicht lesen; diese Antwort berücksichtigt es deshalb nicht.",
    "es": "No he podido leer {files}, por lo que esta respuesta no lo tiene en cuenta.",
    "fr": "Je n'ai pas pu lire {files} ; cette réponse n'en tient donc pas compte.",
}
# decision of a colleague -> whether the action was done, where that is known -> what the customer is told
_DECIDED: dict[Language, dict[str, str]] = {
    "en": {
        "done": "A colleague has allowed what you asked for, and it has been done.",
        "approved": "A colleague has allowed what you asked for, but I can't tell you yet what came of it. You can ask for a person about it.",
        "refused": "A colleague has looked at what you asked for and did not allow it. You can ask for a person about it.",
    },
    "de": {
        "done": "Ihr Anliegen wurde von unserem Team genehmigt und ausgeführt.",
        "approved": "Ihr Anliegen wurde von unserem Team genehmigt, aber ich kann Ihnen noch nicht sagen, was daraus geworden ist. Sie können "
        "dazu nach einem Menschen fragen.",
        "refused": "Ihr Anliegen wurde von unserem Team geprüft und nicht genehmigt. Sie können dazu nach einem Menschen fragen.",
    },
    "es": {
        "done": "Nuestro equipo ha aprobado lo que pidió, y ya está hecho.",
        "approved": "Nuestro equipo ha aprobado lo que pidió, pero todavía no puedo decirle el resultado. Puede pedir hablar con una persona.",
        "refused": "Nuestro equipo ha revisado lo que pidió y no lo ha aprobado. Puede pedir hablar con una persona.",
    },
    "fr": {
        "done": "Notre équipe a accepté votre demande, et c'est fait.",
        "approved": "Notre équipe a accepté votre demande, mais je ne peux pas encore vous en dire le résultat. Vous pouvez demander à parler à "
        "une personne.",
        "refused": "Notre équipe a examiné votre demande et ne l'a pas acceptée. Vous pouvez demander à parler à une personne.",
    },
}
# How much of a question is repeated to the customer.
_MAX_QUOTED = 120


def small_talk(texts: list[str]) -> str:
    """Answer a greeting, a thank-you or a good-bye, and what has no words at all."""
    text = " ".join(texts)
    if not words.is_small_talk(text):
        return NOTHING_FOUND
    language = _talk_language(text)
    if words.any_of(text, ("bye", "goodbye", "night", "tschüss", "wiedersehen", "adiós", "adios", "revoir", "ciao")):
        return _GOODBYE[language]
    thanked = words.any_of(
        text, ("thanks", "thank", "thx", "cheers", "danke", "dank", "dankeschön", "gracias", "merci")
    )
    return (_THANKS if thanked or words.tells_that_it_helped(text) else _GREETING)[language]


def _talk_language(text: str) -> Language:
    for language, some in _TALK.items():
        if words.any_of(text, some):
            return language
    return "en"


def nothing_about(question: str) -> str:
    """Say which of several questions has no answer."""
    return f"I couldn't find anything in our help pages about “{_short(question)}”. You can ask for a person about it."


def _short(question: str) -> str:
    if len(question) <= _MAX_QUOTED:
        return question
    return (question[:_MAX_QUOTED].rpartition(" ")[0] or question[:_MAX_QUOTED]) + " …"


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
    return Answer(
        content=parting(decision, ""), metadata={"model": model, "kind": "hand_over"}, escalation=decision.escalation
    )


def handing_over(language: Language) -> str:
    """Say that a person will answer here."""
    return _HAND_OVER[language]


def unconfirmed(language: Language) -> str:
    """Say that an action may or may not have been done, and that a person sees to it."""
    return f"{_UNCONFIRMED[language]} {_HAND_OVER[language]}"


def parting(decision: HandOver, said: str) -> str:
    """Say what is left to say of a hand-over below a text that was said already; may be empty."""
    left = [] if _HAND_OVER[decision.language] in said else [_HAND_OVER[decision.language]]
    if "safety" in decision.escalation.reasons:
        left.insert(0, _IN_DANGER[decision.language])
    return " ".join(left)


def abstention(looked_for: str, language: Language) -> str:
    """Say honestly that there is no answer, what was looked for, and that a person can help."""
    looked_for = " ".join(looked_for.split())
    what = _MARKS[language].format(_short(looked_for)) if looked_for else _THAT[language]
    return _ABSTENTION[language].replace("{what}", what)


def clarifying(language: Language) -> str:
    """Ask back, where a question is not clear and there is no model to ask in better words."""
    return _CLARIFYING[language]


def decided(decision: str, language: Language, *, done: bool, about: str = "") -> str:
    """Tell what a colleague decided about an action, where there is no model to tell it.

    Args:
        decision: `approved`; any other word is no.
        language: in which to say so.
        done: whether an approved action went well.
        about: what the action is, where there are several to tell apart.
    """
    word = "refused" if decision != "approved" else "done" if done else "approved"
    named = f"{_MARKS[language].format(_short(about))}: " if about else ""
    return named + _DECIDED[language][word]


def not_read(names: list[str], language: Language = "en") -> str:
    """Say which files an answer was given without."""
    return _NOT_READ[language].replace("{files}", ", ".join(names))
