"""What is done to text while it streams: links that nobody allowed, and personal data."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.domain.filters import Chain, Filter, Redaction
from services.agent.domain.links import REMOVED, LinkStripper

ALLOWED = frozenset({"example.com", "help.shop.test"})


def through(one: Filter, text: str, size: int | None = None) -> str:
    pieces = [text] if size is None else [text[n : n + size] for n in range(0, len(text), size)]
    return "".join(one.feed(piece) for piece in pieces) + one.finish()


STRIPPED = {
    "bare": ("See https://evil.test/a?b=c for more.", f"See {REMOVED} for more."),
    "bare at the end": ("See http://evil.test.", f"See {REMOVED}."),
    "upper case": ("HTTPS://EVIL.TEST/X now", f"{REMOVED} now"),
    "www": ("Go to www.evil.test now", f"Go to {REMOVED} now"),
    "no scheme": ("Go to evil.test/login, please", f"Go to {REMOVED}, please"),
    "protocol relative": ("Go to //evil.test/x", f"Go to {REMOVED}"),
    "another scheme": ("Run javascript:alert(1)", f"Run {REMOVED})"),
    "data": ("x data:text/html;base64,AAAA y", f"x {REMOVED} y"),
    "markdown link": ("Click [here](https://evil.test/x) now", "Click here now"),
    "markdown link with a title": ('Click [here](https://evil.test/x "Oh") now', "Click here now"),
    "markdown image": ("![cat](https://evil.test/p?q=secret) ok", "cat ok"),
    "link text that is a link": ("[https://evil.test](https://evil.test/x)", REMOVED),
    "html image": ("a <img src=x onerror=y> b", "a  b"),
    "html link": ('<a href="https://evil.test">x</a>', "x"),
    "autolink": ("<https://evil.test/x>", f"<{REMOVED}>"),
    "user name": ("https://example.com@evil.test/", REMOVED),
    "backslash": ("https://evil.test\\@example.com/", REMOVED),
    "suffix": ("https://notexample.com/ https://example.com.evil.test/", f"{REMOVED} {REMOVED}"),
    "host as path": ("https://evil.test/example.com", REMOVED),
    "reference": ("[x][1]\n[1]: https://evil.test/a", f"[x][1]\n[1]: {REMOVED}"),
    "in brackets": ("(https://evil.test/a)", f"({REMOVED})"),
    "host in numbers": ("See http://[::1]:80/a and //[2001:db8::1]", f"See {REMOVED} and {REMOVED}"),
    "handler in any tag": ("a <b onclick=alert(1)>x</b> <p style='background:url(x)'>y", "a x</b> y"),
    "tag within a tag": ("<img src=x onerror=alert(1) <b> and <b </a>onclick=alert(1)>", " and onclick=alert(1)>"),
    "bracket within a tag": ('<img src=x onerror=alert(1) alt="[">', ""),
    "tag without an end": ("Done <img src=x onerror=alert(1) ", "Done "),
    "made of a link's text": ("https://[evil.test](x) [http:/](x)/evil.test", f"https://{REMOVED} {REMOVED}/evil.test"),
    "made around a tag": ("http:/<img>/evil.test java</a>script:alert(1)", "http:/ /evil.test java script:alert(1)"),
    "made of both": ("javascript:<img>[alert(1)](y)", f"javascript:{REMOVED}"),
    "behind a citation": ("so [1] https://evil.test/", f"so [1] {REMOVED}"),
}
KEPT = [
    "Plain words, 5 < 6 and 7 > 2, a/b and and/or.",
    "It takes 3-5 days [1]. Then [2, 3]!",
    "See https://example.com/a?b=c#d.",
    "See [our page](https://www.example.com/x).",
    "![logo](https://help.shop.test/logo.png)",
    "Write to support@example.com or call 555-0100.",
    "List<int> and <b>bold</b> and [brackets] and !important",
    "Node.js/Deno, at 10:30, ratio 3:4, note: this",
    "Open [Settings] (top right)",
    "Ends with [",
    "Ends with <",
    "Ends with !",
    "Ends with htt",
]


@pytest.mark.parametrize("name", STRIPPED)
@pytest.mark.parametrize("size", [None, 1, 3, 7])
def test_links_that_are_not_on_the_list_are_taken_out(name: str, size: int | None) -> None:
    text, expected = STRIPPED[name]
    assert through(LinkStripper(ALLOWED), text, size) == expected


@pytest.mark.parametrize("number", range(len(KEPT)))
@pytest.mark.parametrize("size", [None, 1, 4])
def test_everything_else_stays(number: int, size: int | None) -> None:
    assert through(LinkStripper(ALLOWED), KEPT[number], size) == KEPT[number]


def test_with_an_empty_list_no_link_stays() -> None:
    assert through(LinkStripper(), "https://example.com/a") == REMOVED


def test_a_word_leaves_as_soon_as_it_has_ended() -> None:
    one = LinkStripper()
    assert one.feed("Hello ") == "Hello "
    assert one.feed("wor") == ""
    assert one.feed("ld [1]") == "world "
    assert one.feed(" and") == "[1] "
    assert one.finish() == "and"


def test_what_is_held_back_is_bounded() -> None:
    one = LinkStripper()
    left = one.feed("[" + "x" * 5_000) + one.feed("<a " + "y" * 5_000) + one.feed("http" + "z" * 5_000)
    assert len(left) > 10_000


HOSTILE = [
    "[a](", "<x o", "<x <i ", "<a ", "[x](y ", "//[", "a.a/", "[x](y)", "[<x](y)", "<x [t](", "//字", "字", "ส", "[", "//[1]", "!",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("end", ["", ">", ")"])
def test_what_only_begins_to_be_a_link_is_searched_a_few_times(number: int, end: str) -> None:
    """Each beginning was searched to the end at each piece once: seconds. 16,000 characters take 15 to 100 ms now."""
    text = (HOSTILE[number] * 16_000)[:16_000] + end
    left: set[str] = set()
    for size in (None, 4, 7):
        one = LinkStripper()
        left.add(through(one, text, size))
        assert one.searched < 8 * len(text)
    assert len(left) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<img " + "x " * 1_500 + "src=//evil.test/a onerror=alert(1)>",
        "[a](" + "x " * 1_500 + "[b](javascript&colon;x)",
        "<x " + "y " * 1_500 + "<img src=x onerror=alert(1)>",
        "-" * 2_195 + "javascript:" + "y" * 300,
        "[<img src=x](https://evil.test) onerror=alert(1)>",
    ],
    ids=range(5),
)
@pytest.mark.parametrize("size", [None, 1, 5])
def test_what_is_too_long_to_be_judged_is_no_link_any_more(text: str, size: int | None) -> None:
    left = through(LinkStripper(), text, size)
    assert "<img" not in left
    assert "](java" not in left
    assert "javascript:y" not in left
    assert "//evil" not in left


@pytest.mark.parametrize("text", ["您可以退货，但商品必须未使用。", "สินค้าของคุณ", "商品は未使用、"], ids=range(3))
def test_languages_without_spaces_stream(text: str) -> None:
    one, left = LinkStripper(), 0
    for number, sign in enumerate(text * 20):
        left += len(one.feed(sign))
        assert number + 1 - left <= 2
    assert len(one.finish()) == len(text) * 20 - left


@pytest.mark.parametrize("size", [None, 1, 3])
def test_addresses_within_such_languages_go(size: int | None) -> None:
    for text in ("请看https://例え.jp/退货 ok", "请看例え.jp/退货 ok", "请看www.例え.jp ok", "请看evil.test/退 ok"):
        left = through(LinkStripper(), text, size)
        assert ".jp" not in left or "www" in text
        assert "evil.test/" not in left
        assert left.startswith("请")
        assert left.endswith(" ok")


@pytest.mark.parametrize("length", [199, 200, 201, 450])
@pytest.mark.parametrize("size", [None, 1, 7, 150])
def test_words_of_any_length_stay(length: int, size: int | None) -> None:
    text = f"so {'x' * length} it's {'y' * length}\n\tend"
    assert through(LinkStripper(), text, size) == text
    link = f"so {'x' * length} www.evil.test {'y' * length}"
    assert "evil" not in through(LinkStripper(), link, size)


LINKY = st.text(alphabet="ab [](){}<>!/:.\n'\"htpsw1字，", max_size=60)


@settings(max_examples=300)
@given(text=LINKY, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_the_pieces_make_no_difference(text: str, cuts: list[int]) -> None:
    one, out, place = LinkStripper(ALLOWED), "", 0
    for cut in cuts:
        out += one.feed(text[place : place + cut])
        place += cut
    out += one.feed(text[place:]) + one.finish()
    assert "//evil" not in out
    assert out == through(LinkStripper(ALLOWED), text)


PERSONAL = {
    "email": ("Write to ana.ruiz@mail.test please", "Write to {{EMAIL_1}} please"),
    "phone": ("Call +49 170 1234567 or (030) 123-4567", "Call {{PHONE_1}} or {{PHONE_2}}"),
    "card": ("Card 4111 1111 1111 1111.", "Card {{CARD_1}}."),
    "iban": ("DE89 3704 0044 0532 0130 00", "{{IBAN_1}}"),
    "ssn": ("SSN 078-05-1120", "SSN {{SSN_1}}"),
    "twice the same": ("a@b.test and a@b.test", "{{EMAIL_1}} and {{EMAIL_1}}"),
}
NOT_PERSONAL = [
    "Order 4111 1111 1111 1112 is late",
    "Order A-1042, 1234567890, of 2026-11-20 10:30",
    "It costs $1,299.00 for 12 months",
]


ANNOUNCED = [
    "my phone is 0170 1234567", "Meine Nummer ist 0170 1234567", "Rufen Sie mich an: 089/12345678",
    "Mon numéro est 06 12 34 56 78", "Mi teléfono es 612 345 678", "call me on 07911 123456", "phone 555-0100",
    "My account number is 12345678", "Kontonummer 532013000", "Mi cuenta es 1234 5678 90",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ANNOUNCED)))
def test_numbers_go_that_are_announced_or_written_as_at_home(number: int) -> None:
    redaction = Redaction()
    shown = redaction.redact(ANNOUNCED[number])
    assert not any(sign.isdigit() for sign in shown.partition("{{")[0] + shown.partition("}}")[2])
    assert "{{" in shown
    assert redaction.restore(shown) == ANNOUNCED[number]


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_goes_and_comes_back(name: str) -> None:
    text, shown = PERSONAL[name]
    redaction = Redaction()
    assert redaction.redact(text) == shown
    assert redaction.restore(shown) == text
    for size in (1, 2, 5, None):
        assert through(redaction.restorer(), shown, size) == text


@pytest.mark.parametrize("number", range(len(NOT_PERSONAL)))
def test_other_numbers_stay(number: int) -> None:
    assert Redaction().redact(NOT_PERSONAL[number]) == NOT_PERSONAL[number]


def test_the_same_value_in_another_spelling_is_the_same() -> None:
    redaction = Redaction()
    assert redaction.redact("+49 170 1234567 or +49-170-1234567") == "{{PHONE_1}} or {{PHONE_1}}"
    assert redaction.redact("Ann@b.test, ann@B.test, +49 170 7654321") == "{{EMAIL_1}}, {{EMAIL_1}}, {{PHONE_2}}"
    assert redaction.restore("{{PHONE_1}} {{EMAIL_1}}") == "+49 170 1234567 Ann@b.test"


def test_a_placeholder_that_a_model_made_up_reaches_no_customer() -> None:
    redaction = Redaction()
    shown = redaction.redact("a@b.test")
    assert through(redaction.restorer(), f"{shown}, {{{{EMAIL_9}}}} and {{{{PHONE_1}}}}", 1) == "a@b.test, … and …"
    # A tool is to see that it was given none.
    assert redaction.restore("{{EMAIL_9}}") == "{{EMAIL_9}}"


def test_other_braces_stay() -> None:
    redaction = Redaction()
    for text in ("{ {x} }", "{{", "a {{b}} c", "{{EMAIL_"):
        assert through(redaction.restorer(), text, 1) == text


def test_filters_work_one_behind_the_other() -> None:
    redaction = Redaction()
    shown = redaction.redact("a@b.test")
    chain = Chain([redaction.restorer(), LinkStripper()])
    assert through(chain, f"{shown} https://evil.test/{shown}", 2) == f"a@b.test {REMOVED}"
