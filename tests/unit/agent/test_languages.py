"""Which language a customer writes."""

import pytest

from services.agent.domain import languages, replies
from services.agent.domain.languages import Spoken, spoken

from .fakes import message

TEXTS = {
    "en": [
        "Where is my order?", "How long do I have to return something?", "I can't log in", "my parcel hasn't arrived", "Hello there",
        "Thanks!", "refund please", "Can I pay with PayPal", "forgot password", "It's broken and I'd like my money back",
        "i want 2 cancel asap", "What is the Bestellnummer on my invoice?",
    ],
    "de": [
        "Wo ist mein Paket?", "Wie lange habe ich Zeit für eine Rücksendung?", "Ich möchte mein Geld zurück", "Hallo guten Tag", "danke dir",
        "Kann ich per PayPal bezahlen?", "Das funktioniert nicht", "passwort vergessen", "ich hab die falsche Größe bestellt und will sie umtauschen",
        "Warum ist meine Lieferung noch nicht da", "Das Update kills the app, was ist da los mit eurem Support?",
    ],
    "es": [
        "¿Dónde está mi pedido?", "donde esta mi paquete", "Quiero devolver un producto", "Hola", "no me funciona la cuenta",
        "¿Cuánto cuesta?", "Necesito ayuda con mi factura", "gracias", "Me lo puede cambiar por otro", "olvidé mi contraseña",
    ],
    "fr": [
        "Où est ma commande ?", "j'ai pas recu mon colis", "Je veux être remboursé", "Bonjour", "Combien de temps prend la livraison",
        "Ça marche pas", "mot de passe oublié", "Est-ce que je peux payer avec PayPal ?", "merci", "Qu’est-ce que c’est ?",
    ],
    "other": [
        "Onde está o meu pedido?", "Dove è il mio ordine?", "Waar is mijn bestelling?", "Где мой заказ?", "我的订单在哪里？", "أين طلبي؟",
        "Gdzie jest moja paczka?", "Siparişim nerede?", "どこですか order", "Mitt paket är borta", "Vorrei un rimborso per il mio ordine",
        "Não recebi o reembolso", "Kan ik dit ook later terugsturen?", "Πού είναι η παραγγελία μου;",
    ],
    None: ["", "ok", "A-1042", "12345", "???", "no", "si", "lol", "thx", "Hallo", "Was?", "PayPal", "ann@example.com", "https://www.das-ist-der.de/und/nicht", "Wi-Fi", "🙂"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in TEXTS.items() for text in texts]
)
def test_a_language_is_told_by_its_words(language: str | None, text: str) -> None:
    assert languages.detect(text) == language


def test_case_and_apostrophes_do_not_matter() -> None:
    assert languages.detect("OÙ EST MA COMMANDE") == "fr"
    assert languages.detect("I don’t know") == languages.detect("i don't know") == "en"


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    log = "der die das und nicht " * 1000
    assert languages.detect("Where is my order and what can I do about it? " * 22 + log) == "en"


def test_the_latest_message_counts_and_what_others_say_does_not() -> None:
    said = [message("Wo ist mein Paket?"), message("Where is my parcel?", seq=2, role="operator")]
    assert spoken([*said, message("Où est ma commande ?", seq=3)]) == Spoken(latest="fr")
    assert spoken([*said, message("ok", seq=3)]) == Spoken(before="de")
    assert spoken([message("Hello, how are you?", role="assistant")]) == Spoken()


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        (Spoken(latest="de"), "de"), (Spoken(before="es"), "es"), (Spoken(latest="other", before="de"), "en"), (Spoken(), "en"),
    ],
)  # fmt: skip
def test_our_own_sentences_are_in_the_customers_language_where_we_have_it(found: Spoken, ours: str) -> None:
    assert found.ours == ours


@pytest.mark.parametrize(
    ("text", "greets"),
    [
        ("Guten Tag", True), ("vielen Dank!", True), ("¡Hola, buenos días!", True), ("merci beaucoup", True), ("Hello", True),
        ("Hallo, wo ist mein Paket", False), ("Danke?", False), ("", False), ("A-1042", False), ("good " * 7, False), ("good " * 6, True),
    ],
)  # fmt: skip
def test_greetings(text: str, greets: bool) -> None:
    assert languages.only_greets(text) is greets


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_our_sentences_are_in_the_language_that_they_are_meant_for(language: str) -> None:
    for text in (
        replies.abstention("", language), replies.abstention("{0} {what}", language), replies.clarifying(language),
        replies.unconfirmed(language), replies.handing_over(language), replies.decided("approved", language, done=True),
        replies.decided("approved", language, done=False), replies.decided("refused", language, done=False),
        replies.not_read(["a.pdf"], language),
    ):  # fmt: skip
        assert languages.detect(text) == language, text


def test_an_abstention_repeats_what_was_looked_for_and_not_a_whole_story() -> None:
    assert "“gift  cards”".replace("  ", " ") in replies.abstention("gift  cards\n", "en")
    long = replies.abstention("word " * 100, "en")
    assert "word …”" in long
    assert len(long) < 300
    assert "“{0} {what}”" in replies.abstention("{0} {what}", "en")


def test_a_decision_that_is_no_yes_is_a_no() -> None:
    assert replies.decided("expired", "en", done=False) == replies.decided("refused", "en", done=True)
    assert replies.decided("approved", "en", done=True) != replies.decided("approved", "en", done=False)
