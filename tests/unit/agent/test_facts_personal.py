"""What customers say they are, have, wear and eat, and what only looks like it: R38."""

import time

import pytest

from services.agent.domain import facts

from .fakes import message


def told(text: str) -> list[tuple[str, str]]:
    return [(fact.label, fact.value) for fact in facts.told([message(text)])]


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("I'm Anna", "name", "Anna"), ("I’m Anna.", "name", "Anna"), ("Hi, I'm Anna", "name", "Anna"),
        ("Hello! I am Anna Schmidt and my parcel is late", "name", "Anna Schmidt"), ("I'm Anna from Berlin", "name", "Anna"),
        ("I'm Thomas, I need help", "name", "Thomas"), ("My name is Anna", "name", "Anna"), ("my name is anna", "name", "Anna"),
        ("Ich heiße Anna", "name", "Anna"), ("Ich bin Jürgen", "name", "Jürgen"), ("Hallo, ich bin die Katrin", "name", "Katrin"),
        ("Hier ist Stefan", "name", "Stefan"), ("Soy Ana García", "name", "Ana García"), ("Hola, soy Pedro", "name", "Pedro"),
        ("Je suis Zoé", "name", "Zoé"), ("Bonjour, je suis Anne-Marie Dupont", "name", "Anne-Marie Dupont"),
        ("Moi, c'est Camille", "name", "Camille"), ("Anna here", "name", "Anna"), ("this is Peter speaking", "name", "Peter"),
        ("I'm called Maria", "name", "Maria"), ("Hi there, I'm Mia!", "name", "Mia"), ("I wear size 42", "size", "42"),
        ("I wear a size M", "size", "M"), ("my size is L", "size", "L"), ("My dress size is 38", "size", "38"), ("I'm a size 12", "size", "12"),
        ("I take size XL", "size", "XL"), ("my shoe size is 42", "shoe_size", "42"), ("I wear shoe size 10.5", "shoe_size", "10.5"),
        ("I wear size 42 shoes", "shoe_size", "42"), ("Ich trage Größe 42", "size", "42"), ("Meine Schuhgröße ist 43", "shoe_size", "43"),
        ("Ich habe Schuhgröße 39", "shoe_size", "39"), ("Uso la talla 40", "size", "40"), ("mi talla es la M", "size", "M"),
        ("calzo un 42", "shoe_size", "42"), ("Je porte du 40", "size", "40"), ("ma pointure est le 38", "shoe_size", "38"),
        ("je chausse du 42", "shoe_size", "42"), ("Je fais une taille M", "size", "M"), ("my birthday is on 3 May", "birthday", "3 May"),
        ("My birthday is May 3rd", "birthday", "May 3rd"), ("my date of birth is 03.05.1990", "birthday", "03.05.1990"),
        ("I was born on 3 May 1990", "birthday", "3 May 1990"), ("Mein Geburtstag ist am 3. Mai", "birthday", "3. Mai"),
        ("Ich habe am 3. Mai Geburtstag", "birthday", "3. Mai"), ("Ich bin am 3.5.1990 geboren", "birthday", "3.5.1990"),
        ("mi cumpleaños es el 3 de mayo", "birthday", "3 de mayo"), ("nací el 3 de mayo de 1990", "birthday", "3 de mayo de 1990"),
        ("Mon anniversaire est le 3 mai", "birthday", "3 mai"), ("je suis née le 3 mai 1990", "birthday", "3 mai 1990"),
        ("I'm vegan", "diet", "vegan"), ("I am a vegetarian, is this ok for me", "diet", "vegetarian"), ("I'm a strict vegan", "diet", "vegan"),
        ("I only eat gluten-free", "diet", "gluten-free"), ("Ich bin Veganerin", "diet", "vegan"),
        ("ich ernähre mich vegetarisch", "diet", "vegetarian"), ("Soy vegetariana", "diet", "vegetarian"),
        ("Je suis végétarienne", "diet", "vegetarian"), ("je suis végan", "diet", "vegan"),
        ("I work at Siemens", "employer", "Siemens"), ("I work for Bosch and need an invoice", "employer", "Bosch"),
        ("I'm employed by Deutsche Bank", "employer", "Deutsche Bank"), ("I work at IBM", "employer", "IBM"),
        ("Ich arbeite bei Siemens", "employer", "Siemens"), ("Ich bin bei BMW angestellt", "employer", "BMW"),
        ("Trabajo para Telefónica", "employer", "Telefónica"), ("Je travaille chez Renault", "employer", "Renault"),
        ("I have a dog", "pet", "a dog"), ("I have two cats", "pet", "two cats"), ("I've got a dog called Rex", "pet", "a dog called Rex"),
        ("Ich habe einen Hund", "pet", "einen Hund"), ("Tengo dos gatos", "pet", "dos gatos"), ("J'ai un chat", "pet", "un chat"),
        ("I live in Berlin", "place", "Berlin"), ("I've moved to Berlin", "place", "Berlin"), ("I'm living in Berlin", "place", "Berlin"),
        ("Je vis à Lyon", "place", "Lyon"),
    ],
)  # fmt: skip
def test_what_customers_say_they_are_have_wear_and_eat(text: str, label: str, value: str) -> None:
    assert told(text) == [(label, value)]


@pytest.mark.parametrize(
    "text",
    [
        "I'm looking for a lamp", "I'm sorry", "I'm Anna's brother", "I'm not vegan", "my friend is vegan", "I'm angry", "I work at night",
        "I'm not Anna", "am I Anna?", "I'm Anna?", "He thinks I'm Anna", "if I'm Anna, what happens", "I'm German", "I'm Premium",
        "I'm Interested in lamps", "I'm Sorry", "I'm Looking for a lamp", "I'M ANGRY", "I'm Catholic", "I'm Christian", "I'm Happy",
        "I'm Berlin", "I'm from Berlin", "I'm Team Lead", "I'm Head Chef", "I'm Anna and Bob's mother", "she said: I'm Anna",
        "\"I'm Anna\" is what it says", "I'm Annas", "I'm A Customer", "I'm Amazon Prime member", "I'm Done", "I'm Back", "This is Important",
        "This is Anna, my dog", "This is Anna's parcel", "is Anna here?", "Ich bin Kunde", "Ich bin Berliner", "Ich bin Deutscher",
        "Ich bin sauer", "Ich bin nicht Anna", "Ich bin Annas Bruder", "Ich bin Student", "Hier ist Ruhe", "Hier ist Berlin", "Soy Cliente",
        "Soy Español", "soy de Madrid", "no soy Ana", "Je suis Client", "Je suis Français", "Je suis Perdu", "je ne suis pas Anne",
        "Je suis désolé", "my name is wrong", "my name is on the list", "my name is good", "me llamo mal", "my name is a secret",
        "I ordered size 42", "do you have size 42?", "I need size 42", "my son wears size 30", "I wear glasses", "I wear black",
        "I wear a 42 kilo vest", "the shoe in size 42", "is my size 42?", "I'm 42", "I'm 42 years old", "what size should I wear",
        "I wear size 42 but in blue it is small for my wife?", "if I wear size 42, which one", "I want to wear size 42 again",
        "my size is wrong", "my size is too small", "I don't wear size 42", "my wife wears size 38", "je fais du 42 km par jour",
        "Je fais du vélo", "Uso el 42", "Ich trage Brille", "Ich trage die Kosten", "meine Größe ist falsch", "mi talla es incorrecta",
        "ma taille est fausse", "I used to wear size 42", "size 42 please", "my birthday is today", "my birthday is on Monday",
        "my birthday is soon", "my wife's birthday is on 3 May", "is it for my birthday?", "I was born in Berlin",
        "the birthday sale is on 3 May", "my birthday order is 3 days late", "His birthday is on 3 May", "I was born on a Monday",
        "Mein Geburtstag ist bald", "Mein Geburtstagsgeschenk ist kaputt", "mi cumpleaños es mañana", "mon anniversaire est demain",
        "when my birthday is on 3 May do I get a voucher", "my birthday is not on 3 May", "my birthday is 99 May",
        "my birthday is wrong in my account", "Is it vegan?", "the bag is vegan", "I'm no longer vegan", "I'm vegan?", "am I vegan",
        "I'm vegan curious", "I'm buying for a vegan", "I like vegan leather", "are you vegan", "my wife is vegetarian",
        "I'm vegan and cruelty free shopping for my friend?", "Ich bin kein Veganer", "Ich bin nicht vegan", "Ich suche vegane Schuhe",
        "No soy vegano", "Je ne suis pas végan", "C'est végan ?", "I want vegan shoes", "if I'm vegan, can I wear this", "he says I'm vegan",
        "I'm allergic to nuts", "I have a nut allergy", "I am lactose intolerant", "Ich bin allergisch gegen Nüsse", "Soy alérgica al gluten",
        "Je suis allergique aux arachides", "I'm allergic to Mondays", "I'm allergic to bad service", "I'm not allergic to nuts", "my son is allergic to nuts",
        "is it safe if I'm allergic to nuts?", "does it contain nuts", "I'm allergic to your website", "people who are allergic to nuts",
        "Ich bin nicht allergisch gegen Nüsse", "Mein Sohn ist allergisch gegen Nüsse", "Ich bin allergisch gegen Werbung",
        "no soy alérgico a nada", "Je ne suis pas allergique aux noix", "I have no nut allergy", "I have an allergy",
        "I may be allergic to nuts", "am I allergic to nuts?", "I work at Night", "I work at home", "I work for myself", "I work at Home",
        "I work from Berlin", "my wife works at Siemens", "I used to work at Siemens", "I don't work at Siemens", "do I work at Siemens?",
        "I want to work at Siemens", "I work with Windows 11", "I work at the hospital", "I work on weekends", "it works at Siemens",
        "I work for free", "I work for you", "Ich arbeite bei Nacht", "Ich arbeite bei Regen", "Ich arbeite im Büro",
        "Ich arbeite nicht bei Siemens", "Ich arbeite daran", "Mein Mann arbeitet bei Siemens", "trabajo en Madrid",
        "no trabajo para Telefónica", "Trabajo para Usted", "Je travaille chez Moi", "Je travaille demain", "Je ne travaille pas chez Renault",
        "if I work at Siemens, do I get a discount", "I no longer work at Siemens", "I work at Monday", "I have a dog bed to return",
        "I have a dog and cat food order", "I have a cat problem", "my neighbour has a dog", "do I have a dog", "I have a mouse",
        "I don't have a dog", "I want a dog", "I have a dog?", "Ich habe keinen Hund", "Ich habe einen Hundekorb bestellt", "Tengo un problema",
        "no tengo perro", "J'ai un chatbot", "Je n'ai pas de chat", "I have two dog collars", "if I have a dog, can I visit", "I had a dog",
        "I have a hot dog maker", "I live in fear", "do I live in Berlin?", "I'm living in a flat", "my city is wrong",
        "I have moved to another address", "ya no soy vegano", "I'm Mark's wife", "He said: I'm vegan", "> I'm Anna", "We are vegan caterers",
        "I'm Kim or Alex?", "Anna here?", "I have allergies", "I'm vegan food supplier", "Suppose I'm allergic to nuts",
    ],
)  # fmt: skip
def test_r38_what_only_looks_like_it(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi, I'm Anna, I'm vegan and I live in Berlin.", [("name", "Anna"), ("diet", "vegan"), ("place", "Berlin")]),
        ("Ich bin Jonas und ich trage Größe M", [("name", "Jonas"), ("size", "M")]),
        ("No, soy Ana", [("name", "Ana")]),
        ("I'm allergic to nuts, milk and eggs.", []),
        ("My wife is vegan. I'm allergic to nuts", []),
        ("I have a dog and I have two cats", [("pet", "a dog"), ("pet", "two cats")]),
        ("My size is M, my shoe size is 39", [("size", "M"), ("shoe_size", "39")]),
    ],
)
def test_several_are_told_at_once(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


def test_whoever_tells_only_that_is_thanked_for_it() -> None:
    assert facts.tells_only_facts("Hi, I'm Anna and I'm vegan.") == ["name", "diet"]
    assert facts.tells_only_facts("I'm vegan, is the bag made of leather?") == []


@pytest.mark.parametrize(
    "piece",
    [
        "I'm ", "I'm Anna ", "I'm Anna, ", "I have a dog ", "I have a dog and ", "allergic to nuts, ", "I'm allergic to nuts and ", "nuts, ",
        "I work at Siemens ", "Siemens & ", "my size is ", "I wear a ", "3 May ", "I was born on 3 ", "Anna here ", "no ", "Anna-", "XXXX",
    ],
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 4000)[:4000]
    started = time.process_time()
    told(text)
    facts.tells_only_facts(text)
    assert time.process_time() - started < 0.5
