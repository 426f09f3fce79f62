"""Contacts: e-mail addresses, telephone numbers and order references, by their written form.

A number is a telephone number only where it is written or announced as one, and an order reference only with its shape
beside the word or behind a `#`. Addresses and numbers of others, quoted or supposed ones are left out (`speech`).
"""

import re
from collections.abc import Iterator

from . import speech
from .fact import Span

_EMAIL = re.compile(
    r"(?<![\w.+-])[a-z0-9][\w.+-]{0,63}@(?!your)(?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24}(?![\w@-])", re.IGNORECASE
)
# Addresses of companies, which customers write to.
_OFFICE = re.compile(
    r"(?:support|info|help|no-?reply|service|sales|contact|billing|admin|hello|office|refunds?|returns?|orders?|feedback|team|customer)[\w.+-]*@",
    re.IGNORECASE,
)
_MY = re.compile(r"\b(?:my|meine|mi|mon|mine)\b[^.!?\n]{0,40}$", re.IGNORECASE)

_NUMBER = re.compile(
    r"(?<![\w.,#$€£@/:+-])(?<!\d[ ()])(?:\+|00)?\(?\d(?:[ ().\-/]{0,3}\d){6,14}(?![\w#@]|[ ().,:/-]{1,3}\d| ?[$€£%])"
)
_ANNOUNCED = re.compile(
    r"\b(?:tele|t[eé]l[eé])?(?:phone|fon|fono)(?:nummer|number|no)?|\b(?:mobile?|cell|handy\w*|movil|móvil|celular|portable|tel|fax|whatsapp)\b"
    r"|\b(?:call|text|ring|reach|phone) (?:me )?(?:back )?(?:at|on|under)|\bmy number\b|\bmeine nummer\b|\bmi n[uú]mero\b",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|tracking|ticket|reference|ref|customer|account|card|iban|serial|case|parcel|shipment|vat|bestell\w*|pedido"
    r"|commande|rechnung\w*|kunden\w*|factura|facture)\b[^.!?\n]{0,25}$",
    re.IGNORECASE,
)
_WRITTEN_AS_PHONE = re.compile(r"\+\d|00[1-9]|\(\d{2,5}\) ?\d|\d{3}[-. ]\d{3}[-. ]\d{4}$")
_DATES_AND_THE_LIKE = re.compile(
    r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}(?:[ T]\d.*)?|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d(?: .*)?|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d"
    r"|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\d{1,2}[.:]\d{2} ?- ?\d{1,2}[.:]\d{2}|\d{4} ?- ?\d{4}|\d{1,3}(?:[ .]000)+"
)

_REFERENCE = r"(?P<value>(?=[a-z/-]*\d)[a-z0-9]{1,12}(?:[-/][a-z0-9]{1,12}){0,3})(?![\w@]|[-/.,:]\d| \d{4})"
_ORDER_WORD = r"(?:orders?|purchase|bestellung|auftrag|pedido|orden|commande)"
_ORDERS = (
    # order number: A-1042, order no. 77, Bestellnummer 4711, numéro de commande: 12
    re.compile(
        rf"\b(?:{_ORDER_WORD} ?-?(?:number|num|no\b\.?|nr\b\.?|id|ref(?:erence)?(?: number)?|nummer)|(?:bestell|auftrags)(?:nummer|nr\b\.?)"
        rf"|(?:n[uú]mero|num[eé]ro|n°) d[e'] ?(?:mi |ma )?{_ORDER_WORD})\s*(?:is|was|ist|lautet|es|est|:|=|#|°)?\s*#?\s*{_REFERENCE}",
        re.IGNORECASE,
    ),
    # order 12345, order #77
    re.compile(
        rf"(?<!\bto )(?<!\bi )(?<!\bwe )(?<!\bcan )(?<!\bwill )(?<!\byou )(?<!\bin )\b{_ORDER_WORD}\b\s*(?:is |:)?\s*(?P<mark>#)?\s*{_REFERENCE}"
        r"(?! ?(?:units?|pieces?|pcs|items?|x\b|of\b|euros?|dollars?|usd|eur|[$€£%]|times|days?|weeks?|am\b|pm\b|more))",
        re.IGNORECASE,
    ),
    # #A-1042
    re.compile(r"(?<![\w&#])#(?P<value>[a-z]{1,5}-\d{3,12})(?![\w-])", re.IGNORECASE),
)
_HASHED = re.compile(r"(?<![\w&#])#(?P<value>\d{4,12})(?![\w-])")
_OF_AN_ORDER = re.compile(
    rf"\b{_ORDER_WORD}\b|\b(?:package|parcel|delivery|shipment|paket|lieferung|paquete|colis)\b", re.IGNORECASE
)
_OF_SOMETHING_ELSE = re.compile(
    r"(?:error|ticket|case|issue|room|apartment|apt|suite|bug|step|page|invoice|version|chapter|colou?r|item|tracking)\W*$",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d{1,2}/\d{1,2}")


def found(text: str) -> Iterator[Span]:
    """Give the addresses and numbers in a text: e-mail addresses, then orders, then telephone numbers."""
    yield from _emails(text)
    yield from _orders(text)
    yield from _phones(text)


def as_email(text: str) -> str | None:
    """Give an e-mail address as it is remembered; None where the text is none."""
    return text.lower() if _EMAIL.fullmatch(text) else None


def as_phone(text: str) -> str | None:
    """Give a telephone number as it is remembered; None where the text is none."""
    digits = re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 15 or not re.fullmatch(r"\+?[\d ().\-/]+", text):
        return None
    return ("+" if text.startswith("+") else "") + digits


def _emails(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        company = _OFFICE.match(match[0]) and not _MY.search(text, max(0, match.start() - 60), match.start())
        if not company and not speech.is_theirs(text, *match.span()):
            yield match.span(), "email", match[0].lower()


def _phones(text: str) -> Iterator[Span]:
    for match in _NUMBER.finditer(text):
        written, before = match[0], text[max(0, match.start() - 40) : match.start()]
        digits = re.sub(r"\D", "", written)
        if not 7 <= len(digits) <= 15 or _DATES_AND_THE_LIKE.fullmatch(written) or _OTHER_NUMBER.search(before):
            continue
        written_as_one = _ANNOUNCED.search(before) or _WRITTEN_AS_PHONE.match(written)
        if written_as_one and not speech.is_theirs(text, *match.span()):
            yield match.span(), "phone", ("+" if written.startswith("+") else "") + digits


def _orders(text: str) -> Iterator[Span]:
    for number, pattern in enumerate(_ORDERS):
        for match in pattern.finditer(text):
            bare = number == 1 and not match["mark"]
            if _is_reference(match["value"], bare=bare) and not speech.is_supposed(text, match.start()):
                yield match.span("value"), "order", match["value"].upper()
    for match in _HASHED.finditer(text) if _OF_AN_ORDER.search(text) or _HASHED.fullmatch(text.strip()) else ():
        if not _OF_SOMETHING_ELSE.search(text, max(0, match.start() - 40), match.start()):
            yield match.span("value"), "order", match["value"].upper()


def _is_reference(value: str, *, bare: bool) -> bool:
    """Say whether a token can be an order's reference; `bare` where only "order" stands before it."""
    digits = sum(character.isdigit() for character in value)
    if _DAY.fullmatch(value) or (bare and _YEAR.fullmatch(value)):
        return False
    return digits >= (4 if bare and value.isdigit() else 3 if bare else 2)
