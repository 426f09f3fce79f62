"""What an answer says from memory about what it is asked for."""

import pytest

from services.agent.domain import facts, recall
from services.agent.domain.facts import Fact

KNOWN: list[Fact] = [
    facts.fact("name", "Ana Ruiz"),
    facts.fact("email", "ann@example.com"),
    facts.fact("plan", "premium"),
    facts.fact("device", "iPhone 14"),
    facts.fact("language", "German"),
    facts.fact("preferred_contact", "email"),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("What is my name?", "name that you gave me is Ana Ruiz"),
        ("do you know my full name", "Ana Ruiz"),
        ("What's my plan again?", "plan that you gave me is premium"),
        ("which device do you have?", "iPhone 14"),
        ("do you remember my language?", "German"),
        ("what is my preferred way of contact?", "preferred way of contact that you gave me is email"),
        ("what is my name and my email?", "Ana Ruiz"),
    ],
)
def test_what_is_known_is_said(text: str, value: str) -> None:
    said = recall.reply(text, KNOWN)
    assert said is not None
    assert value in said[0]
    assert said[1]


@pytest.mark.parametrize(
    "text",
    ["what is my plan?", "which device do you have?", "do you know my language?", "what is my name and my plan?"],
)
def test_what_help_pages_may_know_is_left_to_them_where_it_is_not_known(text: str) -> None:
    assert recall.reply(text, []) is None


@pytest.mark.parametrize("text", ["what is my name?", "what is my email?"])
def test_what_only_the_customer_knows_is_said_to_be_unknown(text: str) -> None:
    said = recall.reply(text, [])
    assert said is not None
    assert "haven't told me" in said[0]
    assert not said[1]


@pytest.mark.parametrize(
    "text",
    ["what is my plan good for", "how do I change my name?", "what is your name?", "what is my phone plan", "can you change my plan", "what is my username",
     "which plan is best?", "is my name safe with you?"],
)  # fmt: skip
def test_other_questions_are_not_answered_from_memory(text: str) -> None:
    assert recall.reply(text, KNOWN) is None


def test_an_email_address_is_not_a_name_that_is_asked_for() -> None:
    said = recall.reply("what is my email address?", KNOWN)
    assert said == ("The email address that you gave me is ann@example.com.", True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("my name is Ana Ruiz", "your name."),
        ("I use an iPhone 14", "your device."),
        ("my email is ann@example.com and my order number is A-1042", "your email address and your order number."),
    ],
)
def test_facts_alone_are_acknowledged(text: str, named: str) -> None:
    noted = recall.noted([text])
    assert noted is not None
    assert named in noted
    assert recall.noted([text, "and how long is shipping?"]) is None
