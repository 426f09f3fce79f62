"""Languages: which one a customer writes, from the words that every sentence needs.

Small on purpose: four languages that the agent's own sentences are in, the nearest neighbours of these so that they are not
taken for one of them, and scripts. A text that does not tell, "ok" or "A-1042", gives None rather than a guess.
"""

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from libs.contracts.session import Message

Written = Literal["en", "de", "es", "fr", "other"]
Tongue = Literal["en", "de", "es", "fr"]

NAMES: dict[str | None, str] = {"en": "English", "de": "German", "es": "Spanish", "fr": "French"}
_WRITTEN: dict[str, Written] = {"en": "en", "de": "de", "es": "es", "fr": "fr"}

# Function words, greetings, and the few nouns that short messages to a shop are made of.
_TABLES = {
    "en": """
        the a an is are was were am be been i you we they he she it my your our their this that these those what how when where why who
        which can could do does did don't doesn't didn't can't won't isn't i'm i've i'd it's have has had not no and or but for with from
        of to on at in by if as so will would should may must there here me us them get got any some please thanks thank hello hi hey
        order orders refund return delivery package parcel shipping invoice yes want need help still about after password account forgot
    """,
    "de": """
        der die das den dem des ein eine einen einem einer ist sind war waren bin bist sein ich du sie er es wir ihr mein meine meinen meinem
        meiner ihre ihren unser und oder aber nicht kein keine keinen was wie wann wo warum wer welche welcher kann können könnte habe hast hat
        haben hatte werde wird werden wurde will möchte muss soll mit von für auf aus bei nach zu zum zur im am an in um über wenn dass ob
        so noch schon auch nur mir mich dir dich uns bitte danke hallo guten tag ja nein bestellung bestellungen paket rechnung lieferung
        rücksendung erstattung geld wieder immer kaputt passwort konto vergessen
    """,
    "es": """
        el la los las un una unos unas es son era fue soy ser está están estoy estar yo tú usted ustedes nosotros mi mis tu tus su sus
        nuestro y o pero no ni qué que cómo como cuándo cuando dónde donde por porque quién quien cuál cual puedo puede pueden quiero quisiera
        necesito tengo tiene tienen he ha han hay hace hacer con de del al a en para sin sobre desde hasta si me te se le lo nos les muy más
        ya también todavía gracias hola buenos buenas días tardes favor sí pedido pedidos paquete factura envío reembolso devolución devolver
        dinero ayuda contraseña cuenta este esta esto ese esa
    """,
    "fr": """
        le la les un une des du de et ou mais ne pas plus est sont était suis être je tu il elle nous vous ils on mon ma mes ton votre vos notre
        ce cet cette ces que qui quoi quel quelle comment quand où pourquoi combien peux peut pouvez puis-je veux voudrais ai as a avez ont avoir
        dans sur sous avec sans pour par chez en au aux à si y très encore toujours aussi bonjour bonsoir salut merci oui non commande
        commandes colis facture livraison remboursement retour argent aide besoin fait faire reçu mot passe compte oublié me te se lui leur
    """,
    # --- neighbours: they only keep their words from being counted for another
    "it": """
        il lo la i gli le un una è sono era sei ho hai ha abbiamo avete hanno che chi cosa come quando dove perché quale posso può vorrei voglio
        non e o ma di del della dei a al alla da in con per su si mi ti ci vi mio mia miei tuo suo nostro questo questa grazie ciao buongiorno
        ordine pacco fattura spedizione rimborso ancora anche più sì
    """,
    "pt": """
        o a os as um uma é são era foi sou está estão estou eu você nós meu minha meus seu sua e ou mas não que quem qual como quando onde porque
        por posso pode quero gostaria preciso tenho tem têm com de do da dos das em no na nos nas para sem sobre ao à se me te lhe já também
        mais muito ainda obrigado obrigada olá bom dia encomenda pedido pacote fatura entrega reembolso devolver
    """,
    "nl": """
        de het een is zijn was ben ik jij je u wij we mijn jouw uw ons onze en of maar niet geen wat hoe wanneer waar waarom wie welke kan kunnen
        heb hebt heeft hebben had wil wilt moet zal zou met van voor op uit bij naar te in aan om over als dat dit die deze er nog al ook
        mij me dank bedankt hallo goedendag graag ja nee bestelling pakket factuur levering terug
    """,
    "pl": "jest są nie tak i w na z do że się czy jak kiedy gdzie dlaczego mój moja moje mam ma proszę dziękuję cześć zamówienie paczka faktura",
    "sv": "jag du är och att det den en ett inte min mitt mina har hade kan vad hur när var varför med för på av till om tack hej beställning",
    "tr": "bir ve bu ne nasıl nerede neden için ile değil var yok benim ben siparişim sipariş kargo iade lütfen merhaba teşekkürler mi mı",
    "cs": "je jsou není a v na z do že se jak kdy kde proč můj moje mám má prosím děkuji dobrý den objednávka balík faktura jsem",
}


def _by_word() -> dict[str, list[str]]:
    """Turn the tables round: word -> the languages that have it."""
    found: dict[str, list[str]] = {}
    for language, table in _TABLES.items():
        for word in dict.fromkeys(table.split()):
            found.setdefault(word, []).append(language)
    return found


_LANGUAGES = _by_word()
# Signs that few languages write.
_SIGNS = (
    ("es", "¿¡ñ"),
    ("de", "ß"),
    ("fr", "œêù"),
    ("pt", "ãõ"),
    ("pl", "łżśćńąę"),
    ("tr", "ışğ"),
    ("cs", "řěů"),
    ("sv", "å"),
)
_ENGLISH_ENDS = ("'s", "'m", "'re", "'ve", "'ll", "'d", "n't")
_FRENCH_BEGINNINGS = ("j'", "l'", "d'", "c'", "qu'", "n'", "s'", "m'", "t'")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_ADDRESS = re.compile(r"\S*(?:@|://|www\.)\S*")
_LATIN_END = "\u024f"
# The beginning tells; the rest of a long message is a pasted log or an address.
_LOOKED_AT = 1_000
# The best must have this much more than the next, and so much of all words, for the text to tell.
_LEAD = 1.4
_SHARE = 0.15
_GREETINGS = frozenset(
    """
    hello hi hey thanks thank you good morning afternoon evening bye goodbye
    hallo guten tag morgen abend moin servus danke vielen dank schön sehr tschüss wiedersehen auf
    hola buenos buenas días tardes noches gracias muchas adiós hasta luego
    bonjour bonsoir salut merci beaucoup bien au revoir bonne journée soirée
    """.split()  # noqa: SIM905 - a table of words reads best as text
)
_LONGEST_GREETING = 6


class Spoken(Struct, frozen=True, kw_only=True):
    """What a customer writes: in the latest message, and in the one before it that told. None where none tells."""

    latest: Written | None = None
    before: Written | None = None

    @property
    def ours(self) -> Tongue:
        """The language for a sentence of the agent's own; English where it has none in the customer's."""
        found = self.latest or self.before
        return "en" if found is None or found == "other" else found


def spoken(messages: Sequence[Message]) -> Spoken:
    """Say which language a conversation's customer writes; others' messages say nothing about it."""
    theirs = [message.content for message in messages if message.role == "user"]
    latest = detect(theirs[-1]) if theirs else None
    if latest is not None:
        return Spoken(latest=latest)
    for text in reversed(theirs[:-1]):
        before = detect(text)
        if before is not None:
            return Spoken(before=before)
    return Spoken()


def detect(text: str) -> Written | None:
    """Say which language a text is in; None where it does not tell."""
    found = _WORD.findall(_ADDRESS.sub(" ", text[:_LOOKED_AT]).lower().replace("’", "'"))
    if not found:
        return None
    if 2 * sum(len(word) for word in found if word[0] > _LATIN_END) >= sum(map(len, found)):
        return "other"
    scores = _scores(found)
    for language, signs in _SIGNS:
        if any(sign in text for sign in signs):
            scores[language] = scores.get(language, 0.0) + 1.5
    ranked = sorted(scores.items(), key=lambda score: (-score[1], score[0]))
    best, most = ranked[0] if ranked else ("", 0.0)
    next_most = ranked[1][1] if len(ranked) > 1 else 0.0
    if most < max(1.0, _LEAD * next_most, _SHARE * len(found)):
        return None
    return _WRITTEN.get(best, "other")


def only_greets(text: str) -> bool:
    """Say whether a text greets, thanks or says good-bye in one of the four languages, and nothing else."""
    found = _WORD.findall(text[:_LOOKED_AT].lower())
    return bool(found) and len(found) <= _LONGEST_GREETING and _GREETINGS.issuperset(found) and "?" not in text


def _scores(found: Sequence[str]) -> dict[str, float]:
    """Count words for the languages that have them; a word that several have counts less for each."""
    scores: dict[str, float] = {}
    for word in found:
        languages = _LANGUAGES.get(word, ())
        if not languages and "'" in word:
            languages = (
                ("en",) if word.endswith(_ENGLISH_ENDS) else ("fr",) if word.startswith(_FRENCH_BEGINNINGS) else ()
            )
        for language in languages:
            scores[language] = scores.get(language, 0.0) + 1.0 / len(languages) ** 0.5
    return scores
