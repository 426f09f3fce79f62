"""What customers say of us in few words and many ways: whether we are a person, and that an answer was no help.

Whole messages only, as `signals.fold` leaves them: whoever says more than that asks for more than that.
"""

import re

from . import signals
from .phrases import Language

# No such message is longer, in characters.
_LONGEST = 120

_LEAD = (
    r"(?:(?:hi|hello|hey|ok|okay|well|so|sorry|excuse me|no|nope|hm+|but|and|wait|thanks|thank you|unfortunately|just curious|quick question"
    r"|hallo|guten tag|moin|nein|aber|leider|danke|sorry|entschuldigung|moment|hola|buenos dias|perdon|pero|gracias|bueno|disculpe|lamentablemente"
    r"|bonjour|salut|non|mais|merci|pardon|excusez-moi|malheureusement)\b[ ,.!:–-]*){0,3}"
)
_TAIL = r"[ .!?…:()-]*"

_BOT_EN = (
    r"(?:chat ?-?bot|bot|robot|machine|computer(?: program)?|program|ai|a\.i\.|artificial intelligence|automated(?: \w+)?|automatic|chatgpt|gpt"
    r"|human(?: being)?|person|man|woman|(?:virtual|ai) assistant|ai model|language model|llm|real)"
)
_SOME_EN = rf"(?:(?:a|an|the|actually|really|just|only|some|real|live|actual|living) ){{0,4}}{_BOT_EN}"
# Of what may be goods as well, only these: "is it a machine?" may be about one for coffee.
_THING_EN = r"(?:an? |really |actually |just |real |live ){0,3}(?:chat ?-?bot|bot|ai|a\.i\.|artificial intelligence|automated (?:response|reply|message|answer|chat|system)|chatgpt|robot|human(?: being)?|real person|person(?=,? or ))"
_EITHER_EN = rf"{_SOME_EN}(?:,? or (?:{_SOME_EN}|not|something|what))?(?: here| there| now)?(?:, (?:or not|right))?"
_WHO: dict[Language, tuple[str, ...]] = {
    "en": (
        rf"(?:are|r) (?:you|u|ya) {_EITHER_EN}",
        rf"(?:you're|you are|u r) {_EITHER_EN},? (?:aren't you|right|no|correct)",
        rf"(?:is|was) (?:this|that|it) {_THING_EN}(?:,? or (?:{_SOME_EN}|not|what))?(?: here)?",
        rf"am i (?:talking|speaking|chatting|writing|texting) (?:to|with) {_EITHER_EN}",
        r"who (?:or what )?(?:are you|am i (?:talking|speaking|chatting|writing) (?:to|with))|what are you",
    ),
    "de": (
        (
            r"(?:bist du|sind sie|seid ihr|bin ich hier bei|(?:rede|spreche|schreibe|chatte) ich (?:hier |gerade |jetzt )*mit)"
            r" (?:(?:ein|eine|einem|einer|einen|nur|etwa|echte[rnm]?|richtige[rnm]?|wirklich|eigentlich|hier|denn|real\w*|automatische\w*) ){0,4}"
            r"(?:chat-?bot|bot|roboter|maschine|computer|programm|ki|k\.i\.|kunstliche intelligenz|mensch(?:en)?|person|mitarbeiter(?:in)?|echt)"
            r"(?: oder (?:(?:ein|eine|einem|einer|nur|echte[rnm]?) ){0,2}(?:chat-?bot|bot|roboter|maschine|computer|ki|mensch(?:en)?|person|nicht|was))?"
        ),
        r"ist das(?: hier)? (?:(?:ein|eine|nur|etwa|echte[rnm]?) ){0,2}(?:chat-?bot|bot|roboter|ki|k\.i\.|kunstliche intelligenz|mensch)(?: oder (?:ein |eine )?\w+)?",
        r"wer (?:oder was )?(?:bist du|sind sie|seid ihr)|was (?:bist du|sind sie)|mit wem (?:rede|spreche|schreibe|chatte) ich(?: hier| gerade)?",
    ),
    "es": (
        (
            r"¿? ?(?:(?:tu |usted )?(?:eres|es usted|sois)|estoy hablando con|hablo con)"
            r" (?:(?:un|una|de verdad|realmente|solo|acaso) ){0,3}"
            r"(?:chatbot|bot|robot|maquina|ordenador|computadora|programa|ia|i\.a\.|inteligencia artificial|persona(?: real| humana| de verdad)?"
            r"|humano|humana|ser humano|real)(?: o (?:(?:un|una) )?(?:chatbot|bot|robot|maquina|ia|persona(?: real)?|humano|no))?"
        ),
        r"¿? ?es(?: esto)? (?:(?:un|una) )?(?:chatbot|bot|robot|ia|i\.a\.|inteligencia artificial|persona real|humano)",
        r"¿? ?(?:quien|que) (?:eres|es usted)|¿? ?con quien (?:hablo|estoy hablando)",
    ),
    "fr": (
        (
            r"(?:etes[- ]vous|vous etes|es[- ]tu|tu es|t'es|est[- ]ce que (?:vous etes|tu es)|(?:est-ce que )?je parle"
            r"(?: bien)? (?:a|avec)|suis-je en train de parler (?:a|avec)|parle-je (?:a|avec))"
            r" (?:(?:un|une|vrai|vraie|bien|vraiment|seulement|juste) ){0,4}"
            r"(?:chat-?bot|bot|robot|machine|ordinateur|programme|ia|i\.a\.|intelligence artificielle|humain|humaine|etre humain"
            r"|personne(?: reelle| humaine)?|reel|reelle)(?: ou (?:(?:un|une) )?(?:vrai |vraie )?(?:chat-?bot|bot|robot|machine|ia|humain|personne|non|pas))?"
        ),
        r"(?:c'est|est-ce(?: que c'est)?) (?:(?:un|une|vraiment|vrai|vraie) ){0,3}(?:chat-?bot|bot|robot|ia|i\.a\.|intelligence artificielle|humain|personne)",
        r"qui (?:etes[- ]vous|es[- ]tu|est-ce)|vous etes qui|a qui (?:je parle|ai-je affaire)",
    ),
}

_THAT_EN = (
    r"(?:(?:that|this|it|these|those|they|which|neither|nothing|none of (?:that|this|these|it)|(?:your|the|that|this) (?:answer|reply|advice|suggestion"
    r"|solution|link|article|page|information|info)|(?:i(?:'ve| have)? |already ){1,2}(?:tried|did|done) (?:that|this|it|all of (?:that|this)|everything)"
    r"(?: already)?,? (?:and |but )?(?:it|that)?) )"
)
_NOT_EN = r"(?:does not|doesn't|doesnt|didn't|did not|didnt|do not|don't|dont|is not|isn't|isnt|was not|wasn't|has not|hasn't|still not|not|won't|did nothing to|never)"
_HELP_EN = (
    r"(?:help(?:ed|ful|ing|s)?|work(?:ed|ing|s)?|useful|any (?:help|use|good)|any better|(?:solve|fix|resolve|change|answer)(?:d|s)?(?: it| this| that| anything"
    r"| (?:my|the) (?:problem|issue|question))?|what i (?:asked|meant|need|needed|wanted)(?: for)?)"
)
_MORE_EN = r"(?: (?:me|us|for me|for us|at all|either|unfortunately|sadly|much|yet|anymore|though|sorry|here|again|either way))*"
_NO_HELP: dict[Language, tuple[str, ...]] = {
    "en": (
        rf"{_THAT_EN}?(?:still |really |just |unfortunately |sadly )*{_NOT_EN}(?: (?:really|actually|very|quite|even|been|at all))* {_HELP_EN}{_MORE_EN}",
        rf"(?:that's|it's|this is|that is|it is) (?:still |really |just )*not {_HELP_EN}{_MORE_EN}",
        rf"{_THAT_EN}?(?:was|is) (?:of )?(?:no (?:help|use)|useless){_MORE_EN}|(?:of )?no (?:help|use){_MORE_EN}|no luck|nothing (?:changed|helped|worked|works)",
        (
            r"(?:(?:it's|it is|i have|i still have|i've got|that's|there is|there's|i get|i still get) )?(?:still )?(?:the )?same"
            r" (?:problem|issue|error|thing|result|answer)(?: as before| again| here)?"
        ),
        r"(?:(?:it's|it is|that's|is) )?still (?:broken|nothing|not (?:ok|okay|fixed|solved|resolved)|failing|wrong|stuck|happening|there)",
        r"(?:the |my )?(?:problem|issue|error) (?:persists|remains|is still there|still (?:exists|persists|happens)|(?:is|has) not (?:been )?(?:gone|solved|fixed))",
    ),
    "de": (
        (
            r"(?:(?:das|es|dies|die|ihre|deine|eure|diese) )?(?:(?:antwort|losung|auskunft|seite|info) )?(?:hat|hilft|half|war|ist)"
            r" (?:(?:mir|uns|leider|aber|auch|gar|uberhaupt|immer|noch|wirklich|so|jetzt|trotzdem|nur|bisher) ){0,5}(?:nicht|nichts|kein(?:e)?)"
            r"(?: (?:wirklich|viel|weiter|besonders|sehr))?(?: (?:geholfen|weitergeholfen|gebracht|funktioniert|geklappt|gelost|weiter|hilfreich|hilfe|die losung))"
        ),
        (
            r"(?:(?:das|es) )?(?:funktioniert|geht|klappt|hilft|klappte|ging)"
            r" (?:(?:leider|immer|noch|weiterhin|trotzdem|auch|so|mir|bei|gar|aber|jetzt) ){0,6}nicht(?: (?:mehr|weiter))?"
        ),
        r"(?:(?:leider|gar|uberhaupt|immer|noch) ){0,3}nicht (?:hilfreich|geholfen|gelost)|nichts (?:hat )?(?:geholfen|geklappt|funktioniert)|(?:das |es )?bringt (?:mir )?(?:leider |gar )?nichts",
        r"(?:(?:es ist|ich habe|das ist) )?(?:immer noch|noch immer|weiterhin|wieder) (?:das ?(?:gleiche|selbe)|dasselbe) (?:problem|ergebnis)|(?:das |mein )?problem (?:besteht|bleibt)(?: (?:weiterhin|immer noch|noch immer|noch|bestehen))*",
    ),
    "es": (
        (
            r"(?:(?:eso|esto|ello|su respuesta|tu respuesta|la respuesta|la solucion) )?(?:(?:todavia|aun|tampoco|sigue|realmente) )*no"
            r" (?:(?:me|nos|ha|han|fue|es|era|esta|lo|muy|de|mucha|mucho) ){0,4}"
            r"(?:ayud(?:a|o|ado|an)|serv?ido|sirve|sirvio|funciona(?:ndo|do)?|funciono|util|ayuda|soluciona(?:do)?|soluciono|resuelto|resuelve)(?: (?:(?:de |para )?nada|mucho|tampoco|aun|todavia))*"
        ),
        r"(?:(?:eso|esto) )?(?:sigue|continua) (?:sin (?:funcionar|ayudar|servir|ir)|igual|fallando|roto)|sigo (?:con (?:el mismo problema|lo mismo)|igual)|(?:es )?el mismo problema|el problema (?:sigue|persiste|continua)(?: ahi| igual)?|nada (?:funciona|ha cambiado|cambio)",
    ),
    "fr": (
        (
            r"(?:(?:ca|cela|ceci|votre reponse|ta reponse|la reponse|la solution) )?(?:ne |n')?(?:m'|nous |me |l')?(?:a|aide|marche|fonctionne|est|etait|resout|change|sert)?"
            r" ?(?:toujours |vraiment |malheureusement |encore )*(?:pas|rien)"
            r"(?: (?:vraiment|beaucoup|encore|tres|non plus|du tout))* ?(?:aidee?s?|marche|fonctionne|utile|resolu|servi|change|mieux|(?:resolu |regle )?(?:mon|le) probleme)?(?: (?:du tout|non plus|malheureusement))?"
        ),
        r"(?:c'est |j'ai )?(?:toujours|encore) le meme probleme|le (?:meme )?probleme (?:persiste|reste|est toujours la)|rien n'a (?:change|marche|fonctionne|aide)",
    ),
}
# "Don't change it" tells us what to do.
_TELLS_US = re.compile(rf"{_LEAD}(?:do not|don't|dont|never|ne) (?:change|answer|fix|solve|resolve)\b")
# What the French pattern, whose words may all be left out, must at least say.
_SAYS_FR = re.compile(r"aid|march|fonctionn|util|resol|resout|servi|sert|change|probleme|toujours pas|mieux")


def _compiled(table: dict[Language, tuple[str, ...]]) -> dict[Language, re.Pattern[str]]:
    return {language: re.compile(rf"{_LEAD}(?:{'|'.join(patterns)}){_TAIL}") for language, patterns in table.items()}


_WHO_WE_ARE, _DID_NOT_HELP = _compiled(_WHO), _compiled(_NO_HELP)


def asks_who_we_are(text: str) -> Language | None:
    """Say in which language a message asks whether we are a person or a machine, or who we are; None where it says more."""
    return _which(_WHO_WE_ARE, text)


def says_that_it_did_not_help(text: str) -> Language | None:
    """Say in which language a message says that what we answered was no help, and nothing else."""
    found = _which(_DID_NOT_HELP, text)
    folded = signals.fold(text) if found else ""
    return None if _TELLS_US.match(folded) or (found == "fr" and not _SAYS_FR.search(folded)) else found


def _which(table: dict[Language, re.Pattern[str]], text: str) -> Language | None:
    # Before it is folded, too: a gap that folds into one space must not hide what stands behind it.
    text = text.strip()
    if len(text) > _LONGEST or len(folded := signals.fold(text)) > _LONGEST:
        return None
    return next((language for language, pattern in table.items() if pattern.fullmatch(folded)), None)
