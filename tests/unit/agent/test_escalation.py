"""When a person takes over, and when not: R36 and its neighbours, both ways."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.agent.domain import escalation, signals
from services.agent.domain.escalation import HandOver

from .fakes import message

ASKS_FOR_A_PERSON = """
talk to a human
Talk to a human please
I want to talk to a human.
I want to speak to a manager
can i speak with an agent
Can I please talk to a real person?
let me speak to your supervisor
I'd like to speak with a customer service representative
how do I talk to a human
I NEED A HUMAN
I need a real person, not a bot
connect me to an agent
Please connect me with a live agent
transfer me to a representative
put me through to someone
can you escalate this to your manager
please escalate my issue
human please
Representative!
agent agent agent
This is going nowhere. Operator, please.
Is there a human I can talk to?
Is there anyone I can speak to about my refund?
I don't want to talk to a bot
I don't want to talk to a bot I want a human
No, I want a human
why can't I talk to a real person?
why don't you just connect me to an agent
can someone from your team call me?
please have someone contact me
I would prefer to talk to a person
I'd rather speak to an actual human being
get me your manager
Give me a supervisor now
Could a real person look at my case?
I want to talk to someone about my bill
let me talk to customer support
I need to speak to your billing team
how can I reach a real person
hand me over to a colleague or another human
Ich möchte mit einem Menschen sprechen
Kann ich bitte mit einem Mitarbeiter reden?
Verbinden Sie mich mit einem echten Menschen
Ich will mit Ihrem Vorgesetzten sprechen!
Warum kann ich nicht mit einem Menschen sprechen?
Mitarbeiter bitte
Quiero hablar con una persona
Necesito hablar con un agente humano, por favor
¿Puedo hablar con alguien?
Páseme con un supervisor
No, quiero hablar con una persona real
Je veux parler à un humain
Puis-je parler à un conseiller ?
Passez-moi un responsable… je voudrais parler avec quelqu’un
Mettez-moi en relation avec un conseiller
un conseiller, s'il vous plaît
hey is a human available to chat
get me someone who actually knows what they are doing, a manager
I demand to speak to whoever is in charge
this bot is useless, I want a person
could you pass me to a colleague please
please transfer this chat to a support agent
may I talk with a member of staff?
i wanna talk to a real human
Speak to representative
customer service representative
can I get a human please
I'd like a call back from your team
I need to talk to somebody urgently
your answers don't help, connect me with a person
need human assistance
Let me chat with a live agent.
who can I talk to in person? I want a human being.
Könnte ich mit jemandem persönlich sprechen?
Ich brauche einen echten Menschen!
Bitte verbinden Sie mich mit dem Kundendienst
ich moechte einen mitarbeiter sprechen
quisiera hablar con un representante de ventas
póngame con una persona real
quiero un agente humano
je souhaite parler à une vraie personne
pouvez-vous me passer un conseiller
j'aimerais discuter avec quelqu'un de votre équipe
""".strip().splitlines()

LEGAL = """
I will sue you
I'm going to sue your company for this
we'll see you in court: I am taking legal action
My lawyer will contact you
You will hear from my attorney
I have contacted my lawyer about this
I'll report you to the ombudsman
If I don't get my money back I will sue
Ich werde Sie verklagen
Sie hören von meinem Anwalt
Los voy a demandar
Hablaré con mi abogado
Je vais porter plainte
Mon avocat va vous contacter
we are suing you for damages
expect a letter from my attorney
I am consulting a lawyer
I'm going to take you to small claims court
I will see you in court
""".strip().splitlines()

SECURITY = """
my account was hacked and I was charged twice
My account has been hacked!
someone hacked my account
I got hacked
was my account hacked?
I think my account has been compromised
somebody is using my credit card
there is an unauthorized charge on my card
I see two unauthorised payments from yesterday
there are charges I didn't make
I don't recognize this charge
Someone else logged into my account
somebody got into my email
my account was taken over
Hackers stole my account
Mein Konto wurde gehackt
Me hackearon la cuenta
Mon compte a été piraté
they stole my credit card details and bought things
my card has been charged without my permission by a hacker
someone broke into my account and changed my email
there's a fraudulent transaction on my account
my account got compromised
""".strip().splitlines()

ANGER = """
angry and frustrated, unacceptable
I am angry and frustrated, this is unacceptable
I'm really angry about this
this is UNACCEPTABLE
I am furious
I'm sick and tired of waiting
worst customer service ever
This is ridiculous and your support is pathetic
Das ist eine Frechheit!
Esto es inaceptable
C'est inadmissible
Your service is absolutely horrible and I'm angry
I'm extremely frustrated with this
I am livid. Fix it.
this is outrageous!
""".strip().splitlines()

SAFETY = """
The charger caught fire
the battery exploded in my hand
This is an emergency
My son was injured by your product
""".strip().splitlines()

NOTHING = """
connect me to wifi instructions
I need to speak to you about my bill
how do I contact support?
How can I contact support?
how can I talk to support
what does a support agent do
my agent is slow
human resources page
where is the human resources page
is this a real person company?
Are you a human?
am I talking to a bot or a person?
I don't need a human
I don't need to talk to a human, just tell me the price
I do not want to speak to an agent
please don't transfer me to an agent
no need to connect me to a person
can I cancel without having to talk to a representative?
do I have to speak to an agent to cancel?
I spoke with a representative yesterday and all is well
what happens if I talk to an agent outside business hours
I need to talk to my real estate agent about the invoice
I want to talk to my manager about buying this
I need a manager account
give me the agent's name
I need a representative sample of your products
what is the price per person?
how do I add a person to my account
transfer the booking to another person
connect me to the support page
can someone help me with my order?
hello, can anyone help?
I'm a supervisor, how do I get a team licence?
how do you de-escalate a dispute
call me at noon
can I speak French with you
I want to become a customer service agent
my user agent is Firefox
how do I connect my agent to the server
do you have a personal plan
I want to return this and speak my mind
Sue ordered the blue one
my name is Sue
will Sue get the package
I'm going to Sue's house
I am not going to sue you
is it legal to resell this
where is your legal notice
I'm a lawyer, do I get a discount?
what is the court address on my invoice
how do I protect my account from being hacked
what should I do if my account is hacked?
what is your policy on unauthorized charges?
my account was not hacked, I just forgot my password
I get an unauthorized access error
five life hacks for cooking
I'm logged into my account but can't see my orders
I got my card declined, which cards do you take?
I accessed my account from work, is that fine
are you going to a hackathon
how can I avoid getting hacked
what is a hacked account
I'm not angry, just curious
is Angry Birds available?
what counts as unacceptable use
unacceptable file format?
I was disappointed by the colour, can I return it?
I'm a bit frustrated, how do I reset my password?
this is not unacceptable at all
do you sell Fast and Furious on DVD
how do I fire up the app
does it work with a Fire TV stick
emergency contact field in my profile
I was charged twice, how do refunds work?
How long do I have to return something?
My order is late
How do I reset my password?
thank you, you are more helpful than a human
Ich brauche keinen Menschen
Ich möchte nicht mit einem Mitarbeiter sprechen
Ich möchte mit Ihnen über meine Rechnung sprechen
Wie verbinde ich mich mit dem WLAN?
Gibt es einen Mitarbeiterrabatt?
No quiero hablar con una persona
Necesito hablar con ustedes sobre mi factura
¿Dónde está la página de recursos humanos?
Je ne veux pas parler à un humain
Je dois vous parler de ma facture
Comment contacter le support ?
où sont les ressources humaines
can I speak to Alexa through your device
is there an agent app for android
do you have human readable invoices
what is the agent commission
I want to buy a gift for a person who likes tea
how many agents can use the team plan
do I need an agent to import goods
which manager role can edit users
I would like to change the contact person on my account
I'd like to contact you about a refund
I want to talk about my order
can you connect me with the warranty documents
please transfer me the refund
put my order through again
forward me the invoice
give me a person-to-person transfer
hand me the tracking number
I don't want a callback
I haven't been hacked, I just want a new password
do you store passwords so they can't be stolen
my phone was stolen, how do I sign in on a new one
is unauthorised use covered by the warranty
my lawyer friend recommended you
do you offer legal insurance
what law applies to my contract
how do I report a bug to you
I was a bit upset but all is fine now
why is express shipping so ridiculously expensive
mad props to your team
the worst case is I return it, right
what is the fire safety rating of the sofa
is there an emergency exit in the store
Wie lange dauert der Versand?
Ich habe mit einem Mitarbeiter gesprochen und es hat geholfen
Kann ich als Person ohne Firma bestellen?
Cuánto cuesta por persona
La persona que recibió el paquete no soy yo
Combien coûte la livraison par personne ?
Mon agent immobilier a besoin d'une facture
thanks, the agent helped me a lot
the delivery person was rude
Can I order a supervisor uniform?
human hair wigs price
what do I do when I want to contact the seller
if I have questions, can I email you
""".strip().splitlines()


def decide(text: str, *before: str) -> HandOver | None:
    history = [message(said, seq=n) for n, said in enumerate(before, start=1)]
    return escalation.decide([message(text, seq=len(history) + 1)], history)


def reasons(text: str, *before: str) -> list[str]:
    decision = decide(text, *before)
    return decision.escalation.reasons if decision else []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "asked_for_person") for text in ASKS_FOR_A_PERSON),
        *((text, "legal") for text in LEGAL),
        *((text, "security") for text in SECURITY),
        *((text, "anger") for text in ANGER),
        *((text, "safety") for text in SAFETY),
    ],
)
def test_r36_a_person_takes_over(text: str, reason: str) -> None:
    assert reason in reasons(text)


@pytest.mark.parametrize("text", NOTHING)
def test_r36_nobody_needs_to_take_over(text: str) -> None:
    assert reasons(text) == []


@pytest.mark.parametrize(
    ("text", "category", "priority"),
    [
        ("talk to a human", "general", "normal"),
        ("I want to talk to someone about my bill", "billing", "normal"),
        ("I need a human right now, this is urgent", "urgent", "high"),
        ("I will sue you", "legal", "high"),
        ("my account was hacked and I was charged twice", "security", "urgent"),
        ("angry and frustrated, unacceptable", "complaint", "high"),
        ("The charger caught fire", "urgent", "urgent"),
        ("I am furious, let me talk to a manager about this charge", "complaint", "high"),
        ("my account was hacked, I will sue you", "security", "urgent"),
    ],
)
def test_r36_category_and_priority(text: str, category: str, priority: str) -> None:
    decision = decide(text)
    assert decision is not None
    assert (decision.escalation.category, decision.escalation.priority) == (category, priority)


def test_r36_reasons_are_all_told_in_a_fixed_order() -> None:
    text = "I was charged twice, my account was hacked, I am furious, I will sue you. Let me talk to a human"
    assert reasons(text) == ["security", "legal", "anger", "asked_for_person", "charged_twice"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("talk to a human", "en"),
        ("Mitarbeiter bitte", "de"),
        ("quiero hablar con una persona", "es"),
        ("je veux parler à un humain", "fr"),
    ],
)
def test_the_language_is_known(text: str, language: str) -> None:
    decision = decide(text)
    assert decision is not None
    assert decision.language == language


def test_the_third_unhappy_message_escalates_and_the_second_does_not() -> None:
    assert reasons("this doesn't help", "where is it?", "that is not helpful") == []
    assert reasons("it still does not work", "this doesn't help", "Thanks!", "wrong answer") == ["unhappy_repeatedly"]
    assert reasons("Thank you, that is all", "this doesn't help", "useless", "wrong answer") == []


def test_the_same_question_asked_often_is_no_reason() -> None:
    question = "How long do I have to return something?"
    assert reasons(question, *[question] * 9) == []


def test_after_a_hand_over_the_count_begins_anew() -> None:
    handed_over = replace(
        message("A person will answer you.", seq=3, role="assistant"), metadata={"ticket_id": "tick_1"}
    )
    history = [message("this doesn't help", seq=1), message("I want a human, useless", seq=2), handed_over]
    assert escalation.decide([message("that is not helpful", seq=4)], history) is None


def test_every_open_question_is_heard() -> None:
    questions = [message("How long does shipping take?", seq=1), message("actually get me a human", seq=2)]
    decision = escalation.decide(questions)
    assert decision is not None
    assert decision.escalation.reasons == ["asked_for_person"]


@given(st.text(max_size=500))
def test_any_text_is_decided_and_always_alike(text: str) -> None:
    assert decide(text) == decide(text)


@pytest.mark.parametrize(
    "piece",
    [
        "human ",
        "a ",
        "don't want to ",
        "if ",
        "please please ",
        "real people ",
        "my ",
        "i will ",
        "talk to a real ",
        "x",
        "\n",
        "mit ",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 4000)[:4000]
    started = time.process_time()
    decide(text)
    assert time.process_time() - started < 0.3


@pytest.mark.parametrize("text", [*ASKS_FOR_A_PERSON, *LEGAL, *SECURITY, *ANGER, *SAFETY])
def test_no_gate_keeps_a_signal_out(text: str) -> None:
    folded = signals.fold(text)
    ungated = [
        signal for signal in signals.SIGNALS if any(map(signal.stands_in, re.findall(r"[^.!?;\n]+[.!?;]*", folded)))
    ]
    heard = list(signals.heard(folded))
    assert [signal for signal in ungated if signal not in heard and signal.stands_in(folded)] == []


def test_a_ticket_carries_the_customers_own_words() -> None:
    decided = escalation.decide([message("Hello there. I’ll SUE you! Bye."), message("Let me talk to a human.", seq=2)])
    assert decided
    assert decided.escalation.evidence == ["I’ll SUE you!", "Let me talk to a human."]
    assert decided.escalation.score == 0.99
    assert escalation.decide([message("Let me talk to a human.")]).escalation.score == 0.9  # type: ignore[union-attr]


def test_evidence_is_bounded() -> None:
    long = "I want to talk to a human " + "please " * 60
    decided = escalation.decide([message(long), *(message("Let me talk to a human.", seq=n) for n in range(2, 9))])
    assert decided
    assert len(decided.escalation.evidence[0]) == 200
    assert len(decided.escalation.evidence) == 5


def test_what_the_system_says_is_no_wish_of_the_customer() -> None:
    assert escalation.decide([message("Let me talk to a human.", role="system")]) is None
