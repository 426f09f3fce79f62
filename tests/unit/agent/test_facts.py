"""What is remembered of a customer's words, and what is not: R38."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain import facts
from services.agent.domain.facts import Fact

from .fakes import NOON, message


def told(*texts: str) -> list[tuple[str, str]]:
    found = facts.told(message(text, seq=n) for n, text in enumerate(texts, start=1))
    return [(fact.label, fact.value) for fact in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my email is Ann@Example.com", [("email", "ann@example.com")]),
        ("Reach me at ann.lee+shop@mail.example.co.uk.", [("email", "ann.lee+shop@mail.example.co.uk")]),
        ("my mail: support@ann.example, thanks", [("email", "support@ann.example")]),
        ("<bob@example.org>", [("email", "bob@example.org")]),
        ("my phone number is +49 151 1234-5678", [("phone", "+4915112345678")]),
        ("call me at (555) 123-4567", [("phone", "5551234567")]),
        ("you can text me on 0151 23456789", [("phone", "015123456789")]),
        ("+1 555 123 4567", [("phone", "+15551234567")]),
        ("Meine Handynummer: 0151/23456789", [("phone", "015123456789")]),
        ("mi número es 612 345 678", [("phone", "612345678")]),
        ("where is order 12345?", [("order", "12345")]),
        ("Order #A-1042 is late", [("order", "A-1042")]),
        ("#A-1042", [("order", "A-1042")]),
        ("my order number is 4711-B", [("order", "4711-B")]),
        ("order number: 998877", [("order", "998877")]),
        ("order no. 77123", [("order", "77123")]),
        ("my order is ORD-2024-0815", [("order", "ORD-2024-0815")]),
        ("what about order ab12cd34?", [("order", "AB12CD34")]),
        ("the package for #123456 never came", [("order", "123456")]),
        ("Bestellnummer 4711", [("order", "4711")]),
        ("meine Bestellung 123456 fehlt", [("order", "123456")]),
        ("el pedido 12345 no llega", [("order", "12345")]),
        ("numéro de commande : 55512", [("order", "55512")]),
        ("I'm ann@example.com, order 12345, tel. 030 1234567", [
            ("email", "ann@example.com"), ("order", "12345"), ("phone", "0301234567"),
        ]),
    ],
)  # fmt: skip
def test_facts_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "my order is late",
        "my order isn't here",
        "My order number is wrong",
        "where is my order number?",
        "order in 2024",
        "I placed my order 2024-05-01",
        "my order 2024 was late",
        "my order of 12.05.2024",
        "I want to order 1500 pens",
        "can I order 5000 pieces",
        "please order 2 pizzas",
        "we order 10000 a year",
        "an order over $12000",
        "order 1200 euros worth",
        "call me at noon",
        "call me at 10:30",
        "call me at 10.30 - 12.00",
        "call me on 2024-05-01",
        "call me on 01.05.2024",
        "call me between 2024-2026",
        "it costs 1 200 000 dollars",
        "I paid $1234567.89",
        "it was 12345678 €",
        "my server is 192.168.100.200",
        "call me at 192.168.100.200",
        "I was born on 12/05/1990",
        "between 2019 and 2024",
        "tracking number 1234567890",
        "invoice 123-456-7890",
        "my card is 4111 1111 1111 1111",
        "phone 4111 1111 1111 1111",
        "error #12345",
        "ticket #4711",
        "the colour #123456 please",
        "version 1.2.3.4567890",
        "write to support@deskbus.example",
        "I wrote to info@shop.example twice",
        "@ann said hi",
        "not an address: ann@localhost",
        "",
    ],
)
def test_r38_nothing_is_made_up(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my name is Ana Ruiz", [("name", "Ana Ruiz")]),
        ("Hi, my name is Ana Ruiz, can you help me?", [("name", "Ana Ruiz")]),
        ("My name's Jean-Luc Picard.", [("name", "Jean-Luc Picard")]),
        ("I would like to return a lamp. My full name is Mary Ann O'Neil", [("name", "Mary Ann O'Neil")]),
        ("Ich heiße Jürgen von der Leyen.", [("name", "Jürgen von der Leyen")]),
        ("Mein Name ist Özgür Şahin", [("name", "Özgür Şahin")]),
        ("Hola, me llamo Ana García", [("name", "Ana García")]),
        ("mi nombre es Luis de la Torre y quiero devolver algo", [("name", "Luis de la Torre")]),
        ("Bonjour, je m’appelle Zoé Martin", [("name", "Zoé Martin")]),
        ("Call me Ana", [("called", "Ana")]),
        ("please call me Ana, thanks", [("called", "Ana")]),
        ("Nennen Sie mich bitte Jo", [("called", "Jo")]),
        ("llámame Pepe", [("called", "Pepe")]),
        ("Appelez-moi Zoé", [("called", "Zoé")]),
        ("please answer by email only", [("preferred_contact", "email")]),
        ("Please only contact me via WhatsApp", [("preferred_contact", "whatsapp")]),
        ("I'd prefer to be contacted by phone.", [("preferred_contact", "phone")]),
        ("Bitte nur per E-Mail antworten", [("preferred_contact", "email")]),
        ("contácteme solo por correo electrónico", [("preferred_contact", "email")]),
        ("veuillez me contacter uniquement par e-mail", [("preferred_contact", "email")]),
        ("I prefer to be called in the morning", [("contact_time", "in the morning")]),
        ("Please only call me on weekdays", [("contact_time", "on weekdays")]),
        ("prefiero que me llamen por la tarde", [("contact_time", "in the afternoon")]),
        ("Je préfère être appelé le soir", [("contact_time", "in the evening")]),
        ("Please reply in German", [("language", "German")]),
        ("Ich spreche nur Deutsch", [("language", "German")]),
        ("Solo hablo español", [("language", "Spanish")]),
        ("je ne parle que français", [("language", "French")]),
        ("I have the premium plan", [("plan", "premium")]),
        ("I'm on the free plan and the export fails", [("plan", "free")]),
        ("Ich habe den Premium-Tarif", [("plan", "premium")]),
        ("tengo el plan familiar premium", []),
        ("tengo el plan premium", [("plan", "premium")]),
        ("j'ai l'abonnement premium", [("plan", "premium")]),
        ("I use an iPhone 14", [("device", "iPhone 14")]),
        ("I have a Samsung Galaxy S23 Ultra, and it is slow", [("device", "Samsung Galaxy S23 Ultra")]),
        ("Ich nutze ein Pixel 8", [("device", "Pixel 8")]),
        ("uso un iPad Air", [("device", "iPad Air")]),
        ("j'utilise un iPhone 14", [("device", "iPhone 14")]),
        ("If you need me, call me at +1 555 123 4567", [("phone", "+15551234567")]),
        ("order 12345, plus my email ann@example.com", [("order", "12345"), ("email", "ann@example.com")]),
        ("change my email from old@x.com to new@x.com", [("email", "new@x.com")]),
        ("Mon numéro de téléphone est le 06 12 34 56 78", [("phone", "0612345678")]),
        ("I live in New York", [("place", "New York")]),
        ("Ich wohne in Frankfurt am Main", [("place", "Frankfurt am Main")]),
        ("vivo en Madrid", [("place", "Madrid")]),
        ("j'habite à Lyon", [("place", "Lyon")]),
        ("I have the premium plan and I use an iPhone 14 Pro.", [("plan", "premium"), ("device", "iPhone 14 Pro")]),
        ("my name is Ana Ruiz and my email is ana@example.com", [("name", "Ana Ruiz"), ("email", "ana@example.com")]),
        ("my email is ann@example.com and my wife's is bob@example.com", [("email", "ann@example.com")]),
        ("My wife is away. My number is +49 151 12345678", [("phone", "+4915112345678")]),
        ('my email is "ann@example.com"', [("email", "ann@example.com")]),
    ],
)
def test_what_customers_say_of_themselves_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        # no names
        "I am angry", "I'm from Berlin", "I'm Premium", "my name is wrong on the invoice", "My name is misspelled", "my name is missing",
        "MY NAME IS WRONG", "My name is Wrong on the invoice", "my name is not Bob", "my name isn't Bob", "is my name Ana?",
        "What if my name is Bob?", "my name is Bob?", "Ich heiße Sie willkommen", "ich heiße nicht Bob", "mi nombre es incorrecto",
        "mon nom est mal écrit", "je m'appelle comment ?", "the name is Bob", "my dog's name is Bello", "his name is Bob Smith",
        "My wife's name is Ana", "her name is Ana", "the product's name is Lamp", "User name is Bob",
        # quoted, reported, supposed
        'He said "my name is Bob Smith"', "She told me my name is Bob", "He wrote: my name is Bob", "the page says my name is Bob",
        "If my name is Bob, what happens", "Suppose my name is Bob", "> my name is Bob Smith", "Er sagte: ich heiße Bob",
        "„Ich heiße Bob Meier“ steht da", "dijo: me llamo Juan", "Il a dit : je m'appelle Paul", "```\nmy name is Bob\n```",
        "tell them my name is Bob", "they think my name is Bob", "when my name is Bob it works", "Imagine I have the premium plan",
        # call me
        "Call me Monday", "call me Tomorrow please", "call me ASAP", "call me back", "don't call me Bob", "they call me Bob",
        "he calls me Bob", "can you call me Ana?", "rufen Sie mich Montag an", "appelez-moi Demain",
        # preferences that are none
        "please answer by email", "do you answer by email only?", "I prefer email notifications to be off", "I prefer phone cases in red",
        "I don't prefer email", "does support speak German?", "I speak German", "do you speak English", "my wife only speaks Spanish",
        "answer in German or English, whatever", "he prefers email", "I prefer to be called names", "if I prefer email, what then",
        "is the manual in French?",
        # plans and devices that are not theirs
        "I have a plan", "do I have the premium plan?", "I want the premium plan", "what is the premium plan", "how much is the premium plan",
        "I had the premium plan", "if I have the premium plan, is shipping free", "my friend has the premium plan", "I don't have the premium plan",
        "I have a premium plan question", "should I use an iPhone 14?", "does it work when I use an iPhone 14", "I want to buy an iPhone 14",
        "my son has an iPhone 14", "I have an iPhone 14 to sell", "I have an iPhone 14 case", "the app on an iPhone 14 crashes",
        "I would have the premium plan", "whether I have the pro plan", "I have the premium plan?",
        # places
        "I live in fear", "do I live in Berlin?", "my mother lives in Berlin", "I used to live in Berlin", "I live in Berlin's east side", "ship to Berlin",
        # others' addresses and numbers
        "my wife's email is ann@example.com", "my wife's e-mail address: ann@example.com", "His email is bob@example.com",
        "their phone number is +1 555 123 4567", "Bob's phone number is 555-123-4567", "die E-Mail meiner Frau ist eva@example.com",
        "el correo de mi esposa es eva@example.com", "l'adresse de ma femme est eva@example.com", "ann@example.com is my wife's address",
        "ann@example.com isn't mine", "+1 555 123 4567 is not my number", "I got a mail from bob@example.com", "who is bob@example.com?",
        "is bob@example.com one of you?", "I wrote to bob@example.com", "I called +49 800 1234567 twice", "a scammer, bob@example.com, wrote me",
        "for example ann@example.com", "an address like ann@example.com", "suppose my email is ann@example.com",
        "if my email was ann@example.com, would it work", "my email is not ann@example.com", "my old email was ann@example.com",
        "you have the wrong email ann@example.com", "He said my email is ann@example.com", "> my email is ann@example.com",
        "your hotline +49 800 1234567 is busy", 'the form says "mail ann@example.com now"',
        # orders that are none
        "an order number like 12345", "for example order 12345", "suppose my order number is 12345", "my order number is not 12345",
        "order 4111-1111-1111-1111", 'it says "order number 12345 is done"',
        "Order 4111 1111 1111 1112 is late", "/api/orders/A-1042", "see https://shop.example/orders/A-1042?mail=ann@example.com",
        "call him on +49 151 23456789", "text her at 555-123-4567", "Remove ann@example.com from your list", "Unsubscribe ann@example.com",
        "Neither ann@example.com nor bob@example.com works", "I was told to email ann@example.com", "I was told to email refunds@shop.example",
        "https://bank.example@evil.example/login", "write to coworker@yourdomain.com",
    ],
)  # fmt: skip
def test_r38_nothing_is_guessed_of_customers(text: str) -> None:
    assert told(text) == []


def test_nothing_that_must_stay_secret_is_a_fact() -> None:
    assert told("order 4111-1111-1111-1111", "my phone is 4111 1111 1111 1111") == []


def test_a_colleagues_words_are_no_facts() -> None:
    text = "my name is Ana Ruiz, order 12345, ana@example.com"
    assert facts.told([message(text, role=role) for role in ("assistant", "operator", "system")]) == []
    assert len(facts.told([message(text)])) == 3


@pytest.mark.parametrize(("many", "kept"), [(10, 10), (11, 10)])
def test_a_message_tells_ten_facts_at_most(many: int, kept: int) -> None:
    assert len(told(" ".join(f"ann{number}@example.com" for number in range(many)))) == kept


@pytest.mark.parametrize(("length", "kept"), [(200, True), (201, False)])
def test_a_value_has_200_characters_at_most(length: int, *, kept: bool) -> None:
    fact = facts.noted("hobby", "x" * length)
    assert (fact is not None) == kept


@pytest.mark.parametrize(
    ("label", "value", "expected"),
    [
        ("email", "Ann@Example.com", ("email", "ann@example.com", "user_info")),
        ("phone", "+49 151 1234-5678", ("phone", "+4915112345678", "user_info")),
        ("order", "a-1042", ("order", "A-1042", "context")),
        ("Favourite Colour!", " deep \n blue ", ("favourite_colour", "deep blue", "fact")),
        ("???", "likes tea", ("note", "likes tea", "fact")),
        ("x" * 90, "y", ("x" * 40, "y", "fact")),
        ("preferred_contact", "email", ("preferred_contact", "email", "preference")),
    ],
)
def test_what_a_model_wants_remembered(label: str, value: str, expected: tuple[str, str, str]) -> None:
    fact = facts.noted(label, value)
    assert fact is not None
    assert (fact.label, fact.value, fact.kind) == expected
    assert 0 < fact.importance <= 1
    assert (fact.told_at, fact.memory_id) == (None, "")


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("password", "hunter2"), ("Account_Password", "hunter2"), ("note", "my password is hunter2"), ("pin", "1234"), ("cvv", "123"),
        ("credit card", "visa"), ("card_number", "x"), ("note", "4111 1111 1111 1111"), ("note", "4111-1111-1111-1111"),
        ("note", "5500005555555559"), ("iban", "x"), ("note", "DE89 3704 0044 0532 0130 00"), ("api_key", "x"),
        ("note", "sk-abcdefghijklmnop"), ("note", "contraseña: gato"), ("passwort", "x"), ("email", "not an address"), ("phone", "none"),
        ("phone", "123456"), ("name", ""), ("name", "  \n\t "), ("order", ""),
    ],
)  # fmt: skip
def test_secrets_and_nonsense_are_not_remembered(label: str, value: str) -> None:
    assert facts.noted(label, value) is None


@pytest.mark.parametrize(
    "value", ["4111 1111 1111 1112", "1234567890123", "a pinned note", "a spinning wheel", "pint of milk"]
)
def test_what_only_looks_like_a_secret_is_remembered(value: str) -> None:
    assert facts.noted("note", value) is not None


def test_whose_a_fact_is() -> None:
    known = [facts.fact("email", "a@example.com"), facts.fact("order", "A-1")]
    assert [fact.scope for fact in facts.owned(known, "ann")] == ["user", "session"]
    assert [fact.scope for fact in facts.owned(known, None)] == ["session", "session"]


def test_a_fact_is_told_again_in_other_letters() -> None:
    one, two = facts.fact("name", "Ana  Ruiz"), facts.fact("name", "ANA ruiz")
    assert facts.digest(one) == facts.digest(two)
    assert facts.digest(one) != facts.digest(facts.fact("called", "Ana Ruiz"))
    assert facts.digest(one) != facts.digest(facts.fact("name", "Ana Ruis"))


def test_of_what_a_customer_has_one_of_the_last_counts() -> None:
    known = [
        facts.fact("name", "Ana"),
        facts.fact("email", "a@example.com"),
        facts.fact("name", "Eva"),
        facts.fact("email", "b@example.com"),
    ]
    known.append(facts.fact("email", "A@example.com", seq=9))
    assert [(fact.label, fact.value) for fact in facts.current(known)] == [
        ("name", "Eva"),
        ("email", "b@example.com"),
        ("email", "A@example.com"),
    ]


def test_every_label_has_an_importance_and_its_kind() -> None:
    assert {trait.kind for trait in facts.LABELS.values()} == {"user_info", "preference", "fact", "context"}
    assert all(0 < trait.importance <= 1 for trait in [*facts.LABELS.values(), facts.OTHER])


def test_a_fact_told_again_counts_as_told_last() -> None:
    assert told("a@example.com", "b@example.com", "A@example.com") == [
        ("email", "b@example.com"),
        ("email", "a@example.com"),
    ]


def test_only_the_customers_words_count() -> None:
    assert facts.told([message("write to ann@example.com", role="assistant")]) == []


def test_a_fact_knows_its_message() -> None:
    [known] = facts.told([message("order 12345", seq=7)])
    assert known == Fact(label="order", value="12345", kind="context", importance=0.7, seq=7, told_at=NOON)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("my email is ann@example.com", ["email"]),
        ("ann@example.com", ["email"]),
        ("My order number is 12345 and my phone is +49 151 1234567.", ["order", "phone"]),
        ("my email is ann@example.com, how long does shipping take?", []),
        ("my order 12345 arrived broken", []),
        ("hello", []),
        ("my name is Ana Ruiz", ["name"]),
        ("I use an iPhone 14 and I have the premium plan.", ["device", "plan"]),
        ("my name is Ana, where is my parcel", []),
    ],
)
def test_a_message_may_tell_nothing_else(text: str, kinds: list[str]) -> None:
    assert facts.tells_only_facts(text) == kinds


@given(st.text("ab1 @.#-+/()order\"'>\nAI", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert len(told(text)) <= 10


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "a@",
        "a.",
        "order ",
        "#1",
        "my ",
        "+1",
        "-1",
        "order 1",
        "12345 ",
        "my name is ",
        "A",
        "Ana ",
        "I have ",
        '"a ',
        "'a ",
        "> ",
        "```",
        ", and ",
        "not ",
        "my email is a@b.com ",
        "I use an iPhone 14, ",
        "is his ",
        "Call me Ana. ",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 4000)[:4000]
    started = time.process_time()
    told(text)
    facts.tells_only_facts(text)
    assert time.process_time() - started < 0.3
