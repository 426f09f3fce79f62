"""Speech: whose words and whose things a message speaks of, as far as that can be told from its form.

It errs to one side: what may be somebody else's, supposed, denied or quoted counts as that.
"""

import re

_QUOTED = re.compile(
    r"```[\s\S]{0,4000}?```|[“„«\"][^“”„«»\"\n]{0,600}[”“»\"]|(?<!\w)['‘][^'’\n]{0,400}['’](?!\w)|(?:^|(?<=\n))[ \t]*>[^\n]*"
    r"|(?:\b[a-z]{2,10}://|\bwww\.|(?<![^\s(])/\w)[^\s<>]*"
)
_IS_ADDRESS = re.compile(r"\w+://|www\.|/")
_SENTENCE_START = re.compile(r"[.!?](?=\s)|\n")
_CLAUSE_END = re.compile(r"[,;:–—]")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_ADDRESS = re.compile(r"[\w.+-]{1,80}@[\w.-]{1,80}")
# How far a sentence is looked through, in characters.
_REACH = 160

RELATIVES = (
    r"wi(?:fe|ves)|husband|partner|mother|mom|mum|dad|father|brother|sister|sons?|daughter|friends?|boss|manager|colleague|co-?workers?"
    r"|neighbou?r|room-?mate|girlfriend|boyfriend|parents?|uncle|aunt|cousin|grand\w+|fianc[eé]e?|assistant|secretary|landlord|customer"
    r"|client|teacher|doctor|frau|mann|partnerin|mutter|vater|bruder|schwester|sohn|tochter|freund(?:in)?|chef(?:in)?|kolleg(?:e|en|in)"
    r"|nachbar(?:in|n)?|eltern|espos[oa]|marido|mujer|pareja|madre|padre|herman[oa]|hij[oa]|amig[oa]|jef[ea]|colega|vecin[oa]|femme|mari"
    r"|conjointe?|m[eè]re|p[eè]re|fr[eè]re|s(?:œ|oe)ur|fils|fille|amie?|patronn?e?|coll[eè]gue|voisine?"
)
_OTHERS = re.compile(
    rf"\b(?:his|him|her|hers|their|them|your|yours|its|sein\w{{0,2}}|ihr\w{{0,2}}|eure?|su|sus|son|sa|ses|votre|vos|leurs?|{RELATIVES})\b"
    r"|\w['’]s\s+(?:\w+\s+)?(?:e-?mail|mail|address|phone|number|cell|mobile|contact)"
    r"|\b(?:wrong|incorrect|old|previous|former|typo|fals\w+|alte[rnms]?|antigu[oa]|anterior|ancien\w*|mauvais\w*|erron\w+)\b"
    r"|\b(?:someone|somebody|stranger|scam\w*|spam\w*|phish\w*|fraud\w*|sender|hotline|jemand\w*|alguien|quelqu['’]un)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:my|mine|meine?[rmns]?|mi|mon|ma)\s+(?:(?:new|private|personal|work|current|neue|private|aktuelle|nuevo|nueva|nouveau|nouvelle)\s+)?"
    r"(?:e-?mail\w*|mail\w*|address|adresse|correo|courriel|phone|telephone|tel\w*|tél\w*|number|num[eé]ro|n[uú]mero|nummer|handy\w*|mobil\w*"
    r"|m[oó]vil|cell\w*|celular|portable)|\b(?:call|text|ring|reach|phone|contact|e-?mail|write) me\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:suppose\w*|imagin\w+|pretend\w*|assum\w+|what if|example|e\.g|for instance|such as|beispiel\w*|z\.\s?b|angenommen|ejemplo|exemple"
    r"|supong\w+|imagin\w+|supposons|placeholder)\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:says?|said|saying|claim\w*|states?|stated|wrote|writes|reads|told|tells?|asks?|asked|thinks?|thought|believes?|quote\w*|sagt\w*|schr(?:ie|ei)b\w*"
    r"|behauptet\w*|meint\w*|dijo|dice\w*|dicen|escribi[oó]|escribe|cree\w?|dit|disent|disait|[eé]crit|pense\w*|pr[eé]tend\w*)\b",
    re.IGNORECASE,
)
_BY_OTHERS = re.compile(
    rf"\b(?:he|she|they|it|who|page|form|site|mail|invoice|system|er|sie|es|[eé]l|ella|il|elle|on|{RELATIVES})\s+(?:\w+\s+)?(?:{_REPORTED.pattern})",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(
    r"\b(?:if|unless|whether|when|whenever|in case|wish|wenn|falls|ob|sobald|si|cuando|aunque|quand|lorsque|au cas)\b",
    re.IGNORECASE,
)
# What a statement of one's own may follow in its clause.
_LEAD = re.compile(
    r"(?:^|[.!?;:,()\n–—]|\s-\s|\b(?:and|but|because|since|as|und|aber|weil|da|y|pero|porque|et|mais|car))\s*"
    r"(?:(?:hi|hello|hey|dear|well|yes|no|ok|okay|so|also|actually|btw|by the way|please|note that|fyi|thanks|thank you|hallo|guten tag|ja|also|bitte|[uü]brigens"
    r"|außerdem|hola|buenos d[ií]as|s[ií]|bueno|adem[aá]s|por favor|bonjour|oui|alors|merci|au fait)(?: there)?[\s,!]+){0,3}$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\bnot|n['’]t|\bno longer|\bnever|\bnicht|\bnicht mehr|\bkein\w*|\bya no|\bno es|n['’]est (?:pas|plus)|\bpas|\binstead of|\brather than"
    r"|\bstatt|\banstelle von|\ben (?:lugar|vez) de|\bau lieu de)\s+(?:\w+\s+){0,2}[\"'<(]?$",
    re.IGNORECASE,
)
_CAME_FROM = re.compile(
    r"\b(?:from|by|von|vom|de|desde|named|called|like|as|wie|como|comme|who is|who's|whose|is that|called|dialled|dialed|rang|phoned)[\s:]+[\"'<(]?$",
    re.IGNORECASE,
)
_DONE_TO_IT = re.compile(
    r"\b(?:wrote|written|sent|e-?mailed|mailed|forwarded|replied|contacted|called|texted|geschrieben|schrieb|geschickt|angerufen|escrib[ií]|envi[eé]"
    r"|llam[eé]|mand[eé]|[eé]crit|envoy[eé]|appel[eé]|to (?:e-?mail|mail|write|contact|call)(?! me)|remov\w+|delet\w+|unsubscrib\w+|block\w*|neither|nor"
    r"|replace\w*|l[oö]sch\w*|entfern\w*|elimin\w*|borr[ae]\w*|supprim\w*)\b[^.!?\n]{0,30}$",
    re.IGNORECASE,
)
_ASKED_ABOUT = re.compile(
    r"\s*(?:hi|hello|hey|hallo|hola|bonjour)?[\s,]*(?:who|whose|what|which|why|is|are|was|does|did|wer|wessen|ist|was|warum|gehört|qui[eé]n|es|qu[eé]|qui|est-ce|pourquoi)\b",
    re.IGNORECASE,
)
_IS_OF_OTHERS = re.compile(
    r"^\W{0,3}(?:is|isn['’]?t|was|wasn['’]?t|belongs|which|that|gehört|ist|es|est|n['’]est|appartient|pertenece)\b[^.!?,\n]{0,30}?"
    rf"\b(?:not|isn|nicht|no|pas|wrong|old|his|hers?|their|your|yours|{RELATIVES})\b|^\W{{0,3}}(?:isn|wasn)['’]?t\b",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """Give a text with what is not said in it blanked out: quotations, lines of a mail answered, code, web addresses."""

    def blank(match: re.Match[str]) -> str:
        quoted_word = match[0].lstrip()[:1] != ">" and len(match[0].split()) == 1
        return match[0] if quoted_word and not _IS_ADDRESS.match(match[0]) else re.sub(r"[^\n]", " ", match[0])

    return _QUOTED.sub(blank, text)


def _before(text: str, start: int) -> str:
    """Give the part of the sentence before a place, without addresses: their words say nothing."""
    return _ADDRESS.sub("@", _SENTENCE_START.split(text[max(0, start - _REACH) : start])[-1])


def _after(text: str, end: int) -> tuple[str, bool]:
    """Give the part of the sentence after a place, and whether it asks."""
    rest = text[end : end + _REACH]
    stop = _SENTENCE_END.search(rest)
    return (rest[: stop.start()], stop[0] == "?") if stop else (rest, False)


def is_theirs(text: str, start: int, end: int) -> bool:
    """Say whether an address or number may belong to somebody else, or to nobody: "my wife's email is ..."."""
    before = _before(text, start)
    after, asks = _after(text, end)
    if _SUPPOSED.search(before) or _BY_OTHERS.search(before) or _DENIED.search(before):
        return True
    if _CONDITIONAL.search(_CLAUSE_END.split(before)[-1]):
        return True
    if _CAME_FROM.search(before) or _DONE_TO_IT.search(before) or _IS_OF_OTHERS.search(after):
        return True
    if asks and _ASKED_ABOUT.match(before):
        return True
    return _last(_OTHERS, before) > _last(_OWN, before)


def is_supposed(text: str, start: int) -> bool:
    """Say whether what stands at a place is an example or denied: "an order number like 12345"."""
    before = _before(text, start)
    return bool(
        _SUPPOSED.search(before)
        or _DENIED.search(before)
        or re.search(r"\b(?:like|wie|como|comme)\s+(?:\w+\s+)?#?$", before)
    )


def is_stated(text: str, start: int, end: int) -> bool:
    """Say whether a clause is what the customer states of themselves: not asked, supposed, denied or reported."""
    before = _before(text, start)
    after, asks = _after(text, end)
    if asks and not re.search(r"[,;:–—]", after):
        return False
    if _REPORTED.search(before) or _SUPPOSED.search(before) or _CONDITIONAL.search(before):
        return False
    return _LEAD.search(before) is not None


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Give where a pattern is found last; -1 where it is not."""
    return max((match.start() for match in pattern.finditer(text)), default=-1)
