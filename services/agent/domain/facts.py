"""Facts: what a customer tells about themselves: e-mail address, telephone number, order reference.

Nothing is guessed: a number is a telephone number only where it is written or announced as one, and an order reference
only with its shape beside the word or behind a `#`. Facts are personal data: they are never logged.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from libs.contracts.session import Message

from . import words

Kind = Literal["email", "phone", "order"]
# A message that holds more is a list, and not about the customer.
_MOST_IN_ONE = 10

_EMAIL = re.compile(r"(?<![\w.+-])[a-z0-9][\w.+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24}(?![\w@-])", re.IGNORECASE)
# Addresses of companies, which customers write to.
_OFFICE = re.compile(
    r"(?:support|info|help|no-?reply|service|sales|contact|billing|admin|hello|office)[\w.+-]*@", re.IGNORECASE
)
_MY = re.compile(r"\b(?:my|meine|mi|mon|mine)\b[^.!?\n]{0,40}$", re.IGNORECASE)

_NUMBER = re.compile(
    r"(?<![\w.,#$€£@/:+-])(?<!\d[ ()])(?:\+|00)?\(?\d(?:[ ().\-/]{0,3}\d){6,14}(?![\w#@]|[ ().,:/-]{1,3}\d| ?[$€£%])"
)
_ANNOUNCED = re.compile(
    r"\b(?:tele)?(?:phone|fon|fono)(?:nummer|number|no)?|\b(?:mobile?|cell|handy\w*|movil|móvil|celular|portable|tel|fax|whatsapp)\b"
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

_REFERENCE = r"(?P<value>(?=[a-z/-]*\d)[a-z0-9]{1,12}(?:[-/][a-z0-9]{1,12}){0,3})(?![\w@]|[-/.,:]\d)"
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
        rf"(?<!\bto )(?<!\bi )(?<!\bwe )(?<!\bcan )(?<!\bwill )(?<!\byou )(?<!\bin )\b{_ORDER_WORD}\s*(?:is |:)?\s*(?P<mark>#)?\s*{_REFERENCE}"
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
_LABELS = re.compile(
    rf"\b(?:e-?mail|mail|address|adresse|phone|telephone|mobile|cell|telefon\w*|number|nummer|n[uú]mero|num[eé]ro|no|id|reference|ref|{_ORDER_WORD}"
    r"|bestellnummer|call|reach|text|at|ist|meine|mein|mi|es|mon|est|de|and|the|is|my)\b|[#+()]",
    re.IGNORECASE,
)


class Fact(Struct, frozen=True, kw_only=True):
    """One fact, as it is remembered.

    Attributes:
        seq: of the message that told it last.
    """

    kind: Kind
    value: str
    seq: int = 0


def told(messages: Iterable[Message]) -> list[Fact]:
    """Give what the customer's messages tell, in their order, each fact once and as it was told last."""
    found: dict[tuple[Kind, str], Fact] = {}
    for message in messages:
        if message.role == "user":
            for _, kind, value in _spans(message.content):
                found.pop((kind, value), None)
                found[kind, value] = Fact(kind=kind, value=value, seq=message.seq)
    return list(found.values())


def tells_only_facts(text: str) -> list[Kind]:
    """Give the kinds of the facts in a text that says nothing else: "my email is ..."; none for any other text."""
    spans = _spans(text)
    rest = text
    for (start, end), _, _ in reversed(spans):
        rest = rest[:start] + " " + rest[end:]
    if "?" in rest or words.content(_LABELS.sub(" ", rest)):
        return []
    return list(dict.fromkeys(kind for _, kind, _ in spans))


def _spans(text: str) -> list[tuple[tuple[int, int], Kind, str]]:
    """Give where in a text which facts stand, in their order."""
    found: list[tuple[tuple[int, int], Kind, str]] = []
    for place, kind, value in (*_emails(text), *_orders(text), *_phones(text)):
        if all(place[1] <= start or end <= place[0] for (start, end), _, _ in found):
            found.append((place, kind, value))
    return sorted(found)[:_MOST_IN_ONE]


def _emails(text: str) -> Iterator[tuple[tuple[int, int], Kind, str]]:
    for match in _EMAIL.finditer(text):
        if not _OFFICE.match(match[0]) or _MY.search(text, 0, match.start()):
            yield match.span(), "email", match[0].lower()


def _phones(text: str) -> Iterator[tuple[tuple[int, int], Kind, str]]:
    for match in _NUMBER.finditer(text):
        written, before = match[0], text[max(0, match.start() - 40) : match.start()]
        digits = re.sub(r"\D", "", written)
        if not 7 <= len(digits) <= 15 or _DATES_AND_THE_LIKE.fullmatch(written) or _OTHER_NUMBER.search(before):
            continue
        if _ANNOUNCED.search(before) or _WRITTEN_AS_PHONE.match(written):
            yield match.span(), "phone", ("+" if written.startswith("+") else "") + digits


def _orders(text: str) -> Iterator[tuple[tuple[int, int], Kind, str]]:
    for number, pattern in enumerate(_ORDERS):
        for match in pattern.finditer(text):
            bare = number == 1 and not match["mark"]
            if _is_reference(match["value"], bare=bare):
                yield match.span("value"), "order", match["value"].upper()
    for match in _HASHED.finditer(text) if _OF_AN_ORDER.search(text) or _HASHED.fullmatch(text.strip()) else ():
        if not _OF_SOMETHING_ELSE.search(text, 0, match.start()):
            yield match.span("value"), "order", match["value"].upper()


def _is_reference(value: str, *, bare: bool) -> bool:
    """Say whether a token can be an order's reference; `bare` where only "order" stands before it."""
    digits = sum(character.isdigit() for character in value)
    if _DAY.fullmatch(value) or (bare and _YEAR.fullmatch(value)):
        return False
    return digits >= (4 if bare and value.isdigit() else 3 if bare else 2)
