"""Personal: what customers say they are, have, wear and eat, in four languages (`clauses`): "I'm Anna", "I wear size 42".

A name behind "I'm" is one only where it begins with a common given name, a date only where it is one. Religion, illness and
allergies are not looked for: nobody has agreed to their being kept.
"""

import re
from collections.abc import Iterator

from . import clauses
from .clauses import CAPITAL, NAME, PLACE, WORD, said
from .fact import Span
from .vocabulary import DIETS, NO_EMPLOYERS, NO_PLACES

_I_AM = r"(?:i['’]?m|i am)"
# "I'm Anna and Bob's mother" tells nobody's name.
_ALONE = rf"(?!\s+(?:and|und|y|et|[,&])\s+(?!I\b){CAPITAL})"
_ORIGIN = r"(?: (?i:from|aus|von|de)\b(?=\s)[^.,;!?\n]{1,40}?)?"

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:(?:19|20)\d\d)"
_MONTHS = {
    "en": (
        r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
    ),
    "de": r"(?:januar|j[aä]nner|februar|m[aä]rz|april|mai|juni|juli|august|september|oktober|november|dezember)",
    "es": r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre)",
    "fr": r"(?:janvier|f[eé]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre|novembre|d[eé]cembre)",
}
# 3/5 is a day in May or one in March where English is written: it is left alone there.
_POINTED = rf"{_DAY}\.\s?(?:0?[1-9]|1[0-2])\.(?:\s?{_YEAR}|\d\d)?|{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_FIGURES = rf"{_POINTED}|{_DAY}[/-](?:0?[1-9]|1[0-2])(?:[/-](?:{_YEAR}|\d\d))?"
_DATE_EN = rf"(?P<value>{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTHS['en']}(?:,? {_YEAR})?|{_MONTHS['en']} {_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?|{_POINTED})"
_DATE_DE = rf"(?P<value>{_DAY}\.? {_MONTHS['de']}(?: {_YEAR})?|{_FIGURES})"
_DATE_ES = rf"(?P<value>{_DAY} de {_MONTHS['es']}(?: del? {_YEAR})?|{_FIGURES})"
_DATE_FR = rf"(?P<value>(?:{_DAY}|1er) {_MONTHS['fr']}(?: {_YEAR})?|{_FIGURES})"

_SIZE = r"(?P<value>(?:(?:EU|UK|US) )?\d{1,3}(?:[.,]5|/\d{1,3}| ?1/2)?|\d?X{0,4}[SL]|M|small|medium|large|extra large|extra small)"
_GARMENT = r"(?:dress|shirt|t-shirt|jacket|trouser|pants?|jeans|coat|clothing|clothes|suit)"
_SHOE = r"(?:shoe|sneaker|boot|foot)"

_DIET = rf"(?P<value>{'|'.join(DIETS)})"
_ORGANISATION = (
    rf"(?P<value>{CAPITAL}[\w'’&.-]{{0,24}}\w(?:\s+(?:(?:of|and|&|und|de|y|et)\s+)?{CAPITAL}[\w'’&-]{{1,24}}){{0,3}})"
)
_ROLE = r"(?: as (?:an? |the )?[\w -]{3,30}?)?"
_NUMBER = r"(?:an?|one|two|three|four|[2-9]|ein(?:e|en)?|zwei|drei|vier|una?|dos|tres|une?|deux|trois)"
_ANIMALS = {
    "en": r"(?:(?:small |big |little |old |young |new )?(?:dogs?|cats?|pupp(?:y|ies)|kittens?|rabbits?|hamsters?|guinea pigs?|parrots?|budgies?|horses?|pon(?:y|ies)|tortoises?|turtles?|ferrets?|goldfish))",
    "de": r"(?:hunde?|katzen?|kater|welpen?|kaninchen|hamster|meerschweinchen|papageien?|wellensittiche?|pferde?|pony|schildkr[oö]ten?|frettchen|goldfische?)",
    "es": r"(?:perr(?:o|a|os|as|ito|ita)|gat(?:o|a|os|as|ito|ita)|cachorros?|conejos?|h[aá]mster(?:es)?|loros?|caballos?|tortugas?|hur[oó]n)",
    "fr": r"(?:chi(?:en|enne|ens|ot)|chats?|chatte|chaton|lapins?|hamsters?|perroquets?|cheva(?:l|ux)|tortues?|furet|poissons? rouges?)",
}


def _pet(language: str, called: str) -> str:
    """Give an animal with its name, where it has one; a list of animals and goods is none."""
    named = rf"(?: (?i:{called}) {WORD})?"
    return rf"(?P<value>(?i:{_NUMBER} {_ANIMALS[language]}){named})(?!\s+(?i:and|und|y|et)\s+(?!(?i:i|ich|we|yo|je|j['’]|my|he|she|er|sie|need|want)\b))"


_STATEMENTS = [
    *said(
        "name",
        rf"(?i:{_I_AM}|i['’]?m called|i am called|i['’]?m named|i am named)\s+{NAME}{_ALONE}{_ORIGIN}",
        rf"(?i:this is)\s+{NAME} (?i:speaking|here|writing)",
        rf"{NAME} (?i:here|speaking)",
        rf"(?i:ich bin)(?i: der| die)?\s+{NAME}{_ALONE}{_ORIGIN}",
        rf"(?i:hier (?:ist|spricht|schreibt))(?i: der| die)?\s+{NAME}",
        rf"(?i:(?:yo )?soy|le habla|les habla)\s+{NAME}{_ALONE}",
        rf"(?i:je suis|moi,? c['’]est|ici)\s+{NAME}{_ALONE}",
        named=True,
        given=True,
    ),
    # Who writes all in small letters has a name, too, where it is announced as one.
    *said(
        "name",
        r"(?:my (?:first |full )?name(?: is|['’]s)|ich hei(?:ß|ss)e|mein name ist|me llamo|mi nombre es|je m['’]appelle|mon (?:pr[eé])?nom est):?\s+"
        r"(?P<value>[^\W\d_]{2,24})",
        named=True,
        given=True,
    ),
    *said(
        "place",
        rf"(?i:i['’]m living in|i am living in|i reside in|i['’]ve (?:just |recently )?moved to|i have (?:just |recently )?moved to)\s+{PLACE}",
        rf"(?i:my (?:home ?town|city) is)\s+{PLACE}",
        rf"(?i:ich bin nach)\s+{PLACE} (?i:gezogen|umgezogen)",
        rf"(?i:resido en|mi ciudad es)\s+{PLACE}",
        rf"(?i:je vis [aà]|je r[eé]side [aà]|j['’]habite en|ma ville est)\s+{PLACE}",
        named=True,
        unless=NO_PLACES,
    ),
    *said(
        "birthday",
        rf"my (?:birthday|birth ?date|date of birth|dob)(?: is|:|['’]s)(?: on)?(?: the)? {_DATE_EN}",
        rf"i was born(?: on)?(?: the)? {_DATE_EN}",
        rf"mein (?:geburtstag|geburtsdatum) ist(?: am| der)? {_DATE_DE}",
        rf"ich habe am {_DATE_DE} geburtstag|ich (?:bin|wurde) am {_DATE_DE.replace('value', 'other')} geboren",
        rf"(?:mi cumplea[nñ]os es(?: el)?|mi fecha de nacimiento es(?: el)?|nac[ií] el|cumplo a[nñ]os el) {_DATE_ES}",
        rf"(?:mon anniversaire est|ma date de naissance est|je suis n[eé]e?|c['’]est mon anniversaire)(?: le)? {_DATE_FR}",
    ),
    *said(
        "shoe_size",
        rf"my {_SHOE} size(?: is|['’]s|:) (?:an? )?{_SIZE}",
        rf"i (?:wear|take)(?: an?)? (?:{_SHOE} size|shoes? in size|shoes size) {_SIZE}|i (?:wear|take)(?: an?)? size {_SIZE.replace('value', 'other')} (?:in )?(?:shoes?|sneakers|boots)",
        rf"i have (?:a )?{_SHOE} size {_SIZE}",
        rf"(?:meine schuhgr(?:ö|oe)(?:ß|ss)e ist|ich (?:trage|habe)(?: die)? schuhgr(?:ö|oe)(?:ß|ss)e) {_SIZE}",
        rf"(?:calzo|mi n[uú]mero de (?:zapato|calzado|pie) es|uso zapatos (?:de la )?talla|mi talla de (?:zapato|calzado)s? es)(?: (?:un|una|el|la))? {_SIZE}",
        rf"(?:je chausse|ma pointure est)(?: (?:du|le|en|un))? {_SIZE}",
    ),
    *said(
        "size",
        rf"my (?:{_GARMENT} )?size(?: is|['’]s|:) (?:an? )?{_SIZE}",
        rf"i (?:usually |always |normally )?(?:wear|take)(?: an?)?(?: {_GARMENT})? size {_SIZE}(?: (?:in )?{_GARMENT}s?)?|{_I_AM} (?:an? )?(?:{_GARMENT} )?size {_SIZE.replace('value', 'other')}",
        rf"(?:meine (?:konfektions|kleider|hosen|hemd)?gr(?:ö|oe)(?:ß|ss)e ist|ich (?:trage|habe)(?: normalerweise| immer)?(?: die)? (?:konfektions|kleider|hosen)?gr(?:ö|oe)(?:ß|ss)e) {_SIZE}",
        rf"(?:mi talla es(?: la| una)?|(?:uso|llevo|tengo)(?: (?:la|una))? talla) {_SIZE}",
        rf"(?:ma taille (?:de v[eê]tements? )?est(?: le| du)?|je porte(?: du| une| de la)? taille|je fais une taille|je (?:porte|fais) du) {_SIZE}",
    ),
    *said(
        "diet",
        rf"{_I_AM} (?:an? |actually |strictly |strict |lifelong |completely |fully ){{0,3}}{_DIET}",
        rf"i (?:only |always )?eat (?:only |strictly )?{_DIET}(?: food)?(?: only)?|i follow an? {_DIET.replace('value', 'other')} diet",
        rf"{_I_AM} on an? {_DIET} diet",
        rf"ich bin (?:(?:ein|eine|strikt|streng|reine|reiner|[uü]berzeugte[r]?) ){{0,2}}{_DIET}",
        rf"ich (?:ern[aä]hre mich|esse|lebe) (?:(?:nur|rein|streng|immer) ){{0,2}}{_DIET}",
        rf"(?:yo )?soy (?:una? )?{_DIET}",
        rf"(?:yo )?(?:como|sigo una dieta) (?:s[oó]lo )?{_DIET}",
        rf"je suis (?:(?:une?|strictement) )?{_DIET}",
        rf"je mange (?:uniquement |seulement )?{_DIET}",
        values=DIETS,
    ),
    *said(
        "employer",
        rf"(?i:i work (?:at|for)|i['’]m (?:employed|working) (?:at|by|for)|i am (?:employed|working) (?:at|by|for)|my employer is)\s+{_ORGANISATION}{_ROLE}",
        rf"(?i:ich arbeite bei|mein arbeitgeber ist)(?i: der firma)?\s+{_ORGANISATION}|(?i:ich bin bei)\s+{_ORGANISATION.replace('value', 'other')} (?i:angestellt|besch[aä]ftigt)",
        rf"(?i:trabajo para|mi empleador es|mi empresa es)\s+{_ORGANISATION}",
        rf"(?i:je travaille (?:chez|pour)|mon employeur est)\s+{_ORGANISATION}",
        unless=NO_EMPLOYERS,
    ),
    *said(
        "pet",
        rf"(?i:i have|i['’]ve got|i own|we have)\s+{_pet('en', 'called|named')}",
        rf"(?i:ich habe|wir haben)\s+{_pet('de', 'namens')}",
        rf"(?i:tengo|tenemos)\s+{_pet('es', 'llamad[oa]|que se llama')}",
        rf"(?i:j['’]ai|nous avons)\s+{_pet('fr', 'nomm[eé]e?|qui s.appelle')}",
    ),
]  # fmt: skip
_ANY = re.compile(
    r"\b(?:i|im|my|this|here|speaking|ich|mein\w*|hier|soy|tengo|tenemos|mi|me|yo|nac[ií]|cumplo|calzo|uso|llevo|resido|trabajo|le|les|como|sigo|je|j|ma|mon|moi|ici|we|wir|nous"
    r"|c)\b",
    re.IGNORECASE,
)


def found(text: str) -> Iterator[Span]:
    """Give the statements in a text, each with the place of its whole clause."""
    if _ANY.search(text):
        yield from clauses.found(_STATEMENTS, text)
