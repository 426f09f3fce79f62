"""Statements: what customers say of themselves in plain words, in English, German, Spanish and French (`clauses`)."""

from collections.abc import Iterator

from . import clauses
from .clauses import NAME, PLACE, SHORT_NAME, said
from .fact import Span
from .vocabulary import CHANNELS, LANGUAGES, TIMES

_TIERS = {
    tier: tier
    for tier in (
        "premium", "basic", "pro", "plus", "standard", "starter", "free", "business", "enterprise", "family", "team", "student", "gold",
        "silver", "platinum", "professional", "individual", "trial", "unlimited", "ultimate", "annual", "yearly", "monthly",
    )
}  # fmt: skip
_TIER = rf"(?P<value>{'|'.join(_TIERS)})"
_MODEL = (
    r"(?P<value>iPhone(?:\s(?:\d{1,2}|SE|XR|XS|X))?(?:\s(?:Pro Max|Pro|Plus|Mini|Max))?|iPad(?:\s(?:Air|Pro|Mini))?|MacBook(?:\s(?:Air|Pro))?|iMac"
    r"|Mac mini|Apple Watch|(?:Samsung\s)?Galaxy\s[A-Z]\d{1,3}(?:\s(?:Ultra|Plus|FE))?|(?:Google\s)?Pixel\s\d{1,2}a?(?:\sPro)?|Kindle|Chromebook"
    r"|Windows\s(?:7|8|10|11)|Android(?:\s(?:phone|tablet|\d{1,2}))?|PlayStation\s[345]|PS[345]|Xbox(?:\s(?:One|Series [SX]))?|Fairphone\s\d)"
)
_CHANNEL = rf"(?P<value>{'|'.join(CHANNELS)})"
_TONGUE = rf"(?P<value>{'|'.join(LANGUAGES)})"
_TIME = rf"(?P<value>{'|'.join(TIMES)})"
_ONLY_EN = r"(?:only|always|exclusively)"
_ONLY_DE = r"(?:nur|immer|ausschlie(?:ß|ss)lich)"
_ONLY_ES = r"(?:s[oó]lo|solamente|[uú]nicamente|siempre)"
_ONLY_FR = r"(?:uniquement|seulement|toujours|exclusivement)"


_STATEMENTS = [
    *said(
        "name",
        rf"(?i:my (?:full )?name(?: is|['’]s)):?\s+{NAME}",
        rf"(?i:ich hei(?:ß|ss)e|mein (?:voller |vollst[aä]ndiger )?name (?:ist|lautet)):?\s+{NAME}",
        rf"(?i:me llamo|mi nombre (?:completo )?es):?\s+{NAME}",
        rf"(?i:je m['’]appelle|mon nom (?:complet )?est):?\s+{NAME}",
        named=True,
    ),
    *said(
        "called",
        rf"(?i:(?:just |you can (?:just )?|you may )?call me|i (?:prefer|like) to be called|i go by)\s+{SHORT_NAME}",
        rf"(?i:nennen? sie mich|nenn mich)(?i: bitte)?\s+{SHORT_NAME}",
        rf"(?i:(?:puedes? |pueden )?ll[aá]m(?:a|e|en|ar)me)\s+{SHORT_NAME}",
        rf"(?i:(?:vous pouvez )?(?:m['’]appeler|appelez-moi|appelle-moi))\s+{SHORT_NAME}",
        named=True,
    ),
    *said(
        "place",
        rf"(?i:i live in|i['’]m based in|i am based in)\s+{PLACE}",
        rf"(?i:ich wohne in|ich lebe in)\s+{PLACE}",
        rf"(?i:yo vivo en|vivo en)\s+{PLACE}",
        rf"(?i:j['’]habite [aà])\s+{PLACE}",
        named=True,
    ),
    *said(
        "plan",
        rf"i(?: have|['’]ve got|['’]ve| am on|['’]m on| use| subscribe to)(?: got)? (?:the|an?|your) {_TIER}(?: plan| subscription| tier| membership)",
        rf"ich (?:habe|nutze) (?:den|das|ein|einen|euren|ihren) {_TIER}[- ]?(?:tarif|abo|abonnement|plan|paket)",
        rf"(?:yo )?(?:tengo|uso) (?:el|un) (?:plan|abono) {_TIER}",
        rf"j['’](?:ai|utilise) (?:l['’]abonnement|un abonnement|le forfait|la formule|le plan) {_TIER}",
        values=_TIERS,
    ),
    *said(
        "device",
        rf"i(?: use| have| own|['’]m using| am using|['’]ve got) (?:an?|the|my)?\s?{_MODEL}(?: (?:phone|pc|laptop|computer))?(?: with [\w .]{{1,30}}?)?",
        rf"ich (?:nutze|benutze|verwende|habe)\s(?:ein|einen|eine|das|mein|meinen)?\s?{_MODEL}",
        rf"(?:yo )?(?:uso|tengo|utilizo) (?:un|una|el|mi)?\s?{_MODEL}",
        rf"j['’](?:utilise|ai) (?:un|une|mon|le)?\s?{_MODEL}",
    ),
    *said(
        "language",
        rf"(?:please )?(?:answer|reply|respond|write|speak)(?: to)?(?: me)? {_ONLY_EN}? ?in {_TONGUE}(?: only| always)?",
        rf"i prefer(?: to (?:write|speak|read))?(?: in)? {_TONGUE}",
        rf"i {_ONLY_EN} (?:speak|read|understand) {_TONGUE}",
        rf"(?:bitte )?(?:antworten|schreiben)(?: sie)?(?: mir)?(?: bitte)?(?: {_ONLY_DE})? (?:auf|in) {_TONGUE}",
        rf"ich (?:spreche|verstehe|lese) {_ONLY_DE} {_TONGUE}",
        rf"(?:yo )?{_ONLY_ES} (?:hablo|entiendo|leo) (?:el )?{_TONGUE}",
        rf"prefiero (?:el |escribir en |hablar en |hablar )?{_TONGUE}",
        rf"(?:responda|respondan|responde|conteste|contesten)(?:me|nme)? en {_TONGUE}",
        rf"je (?:parle|comprends|lis) {_ONLY_FR} (?:le |l['’])?{_TONGUE}|je ne (?:parle|comprends|lis) que (?:le |l['’])?{_TONGUE.replace('value', 'other')}",
        rf"je pr[eé]f[eè]re (?:le |l['’]|[eé]crire en |parler )?{_TONGUE}",
        rf"(?:merci de (?:me )?r[eé]pondre|r[eé]pondez(?:-moi)?) en {_TONGUE}",
        values=LANGUAGES,
    ),
    *said(
        "preferred_contact",
        rf"(?:please )?(?:answer|reply|respond|contact|write|reach)(?: to)?(?: me)? (?:by|via|through) {_CHANNEL} {_ONLY_EN}",
        rf"(?:please )?{_ONLY_EN} (?:answer|reply|respond|contact|write|reach)(?: to)?(?: me)? (?:by|via|through) {_CHANNEL}",
        rf"(?:please )?(?:answer|reply|respond|contact|write|reach)(?: to)?(?: me)? {_ONLY_EN} (?:by|via|through) {_CHANNEL}",
        rf"i(?: would|['’]d)? prefer (?:to be (?:contacted|reached|answered) )?(?:(?:contact )?(?:by|via|through) )?{_CHANNEL}",
        rf"(?:bitte )?(?:antworten|kontaktieren|schreiben|erreichen)(?: sie)?(?: mir| mich)?(?: bitte)? {_ONLY_DE} (?:per|[uü]ber|via) {_CHANNEL}",
        rf"(?:bitte )?{_ONLY_DE} (?:per|[uü]ber|via) {_CHANNEL}(?: antworten| kontaktieren| schreiben| melden)",
        rf"ich (?:bevorzuge|m[oö]chte lieber)(?: kontakt)?(?: per| [uü]ber)? {_CHANNEL}(?: kontaktiert werden)?",
        rf"(?:por favor,? )?(?:resp[oó]nd|cont[aá]ct|escr[ií]b|contest)\w{{1,5}} {_ONLY_ES} por {_CHANNEL}",
        rf"prefiero (?:que me (?:contacten|respondan|escriban) )?(?:por )?(?:el )?{_CHANNEL}",
        rf"(?:merci de |veuillez )?(?:me )?(?:r[eé]pondre|r[eé]pondez|contacter|contactez|[eé]crire|[eé]crivez)(?:-moi| moi)? {_ONLY_FR} par {_CHANNEL}",
        rf"(?:merci de |veuillez )?(?:me )?(?:r[eé]pondre|r[eé]pondez|contacter|contactez|[eé]crire|[eé]crivez)(?:-moi| moi)? par {_CHANNEL} {_ONLY_FR}",
        rf"je pr[eé]f[eè]re (?:[eê]tre contact[eé]e? )?(?:par |le |l['’])?{_CHANNEL}",
        values=CHANNELS,
    ),
    *said(
        "contact_time",
        rf"i(?: would|['’]d)? prefer (?:to be (?:called|contacted|reached)|(?:phone )?calls?) {_TIME}",
        rf"(?:please )?(?:only call|call|contact|reach) me {_ONLY_EN} {_TIME}|(?:please )?only (?:call|contact|reach) me {_TIME.replace('value', 'other')}",
        rf"(?:bitte )?(?:rufen sie mich|kontaktieren sie mich) (?:bitte )?{_ONLY_DE} {_TIME}(?: an)?",
        rf"ich (?:m[oö]chte|werde) (?:lieber|am liebsten) {_TIME} (?:angerufen|kontaktiert)(?: werden)?",
        rf"prefiero que me (?:llamen|contacten) {_TIME}",
        rf"je pr[eé]f[eè]re [eê]tre (?:appel[eé]e?|contact[eé]e?) {_TIME}",
        values=TIMES,
    ),
]  # fmt: skip


def found(text: str) -> Iterator[Span]:
    """Give the statements in a text, each with the place of its whole clause."""
    return clauses.found(_STATEMENTS, text)
