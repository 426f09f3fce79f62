"""The page for everybody: by keyboard alone, by ear, on a narrow phone, in the dark, and without moving pictures."""

import re
from typing import Any

import pytest

from tests.support.system import System

from .chat_page import ChatPage
from .conftest import Open
from .driver import expect

PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True}

# The contrast of every text with what is behind it; alpha is laid over the next background.
FAINT = """() => {
  const parse = (text) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = (color) => {
    const [r, g, b] = color.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const color = parse(getComputedStyle(node).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, behind(node.parentElement));
  };
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own && node.tagName !== "TEXTAREA") continue;
    if (!node.checkVisibility() || node.closest(":disabled, noscript")) continue;
    const back = behind(node);
    const front = over(parse(getComputedStyle(node).color), back);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faint.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""

# What is wrong with names, roles and structure.
FAULTS = """() => {
  const faults = [];
  const name = (node) => (node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent).trim();
  for (const node of document.querySelectorAll("button, a, input, textarea, summary, progress")) {
    if (!name(node)) faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  }
  for (const node of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${node.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id twice: ${id}`);
  for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    const named = `${node.getAttribute("aria-labelledby") ?? ""} ${node.getAttribute("aria-describedby") ?? ""}`;
    for (const id of named.trim().split(/\\s+/)) if (!document.getElementById(id)) faults.push(`points nowhere: ${id}`);
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  for (const each of ["header", "main", "footer"]) {
    if (document.querySelectorAll(`body > ${each}`).length !== 1) faults.push(`not one ${each}`);
  }
  if (!document.documentElement.lang) faults.push("no language");
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) faults.push("order by tabindex");
  for (const list of document.querySelectorAll("ul, ol")) {
    if ([...list.children].some((child) => child.tagName !== "LI")) faults.push(`not only items: ${list.id}`);
  }
  return faults;
}"""


def full(chat: ChatPage) -> None:
    """Bring all that the page can show onto it."""
    chat.ask("How do I reset my password, and how long does shipping take?").locator("summary").first.click()
    chat.page.locator("#files").set_input_files(
        [{"name": "big.bin", "mimeType": "application/octet-stream", "buffer": b"\0" * (10 * 1024 * 1024 + 1)}]
    )
    chat.call("PATCH", f"/api/sessions/{chat.session_id}/status", {"status": "escalated"})
    expect(chat.standing).to_contain_text("Waiting for a person")
    chat.field.fill("x" * 3990)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_elements_have_names(system: System, open_page: Open, scheme: str) -> None:
    chat = open_page(system, color_scheme=scheme).connected()
    assert (chat.page.evaluate(FAINT), chat.page.evaluate(FAULTS)) == ([], [])
    full(chat)
    assert (chat.page.evaluate(FAINT), chat.page.evaluate(FAULTS)) == ([], [])
    session = f"/api/sessions/{chat.session_id}"
    chat.call("POST", f"{session}/takeover", {"operator": "Ada"})
    chat.call("POST", f"{session}/reply", {"operator": "Ada", "message": "Hello"})
    expect(chat.page.locator(".operator")).to_be_visible()
    chat.page.locator(".thumb").first.click()
    expect(chat.page.locator(".remark-form")).to_be_visible()
    expect(chat.standing).to_have_text("Ada is here")
    assert (chat.page.evaluate(FAINT), chat.page.evaluate(FAULTS)) == ([], [])


def test_the_keyboard_is_enough(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    press = chat.page.keyboard.press
    expect(chat.field).to_be_focused()
    chat.page.keyboard.type("What is your")
    press("Shift+Enter")
    chat.page.keyboard.type("refund policy?")
    expect(chat.field).to_have_value("What is your\nrefund policy?")
    assert chat.texts() == []
    press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_value("")
    # Backwards: attach, thumbs, source, citation.
    cite = chat.page.locator(".cite")
    for _ in range(8):
        press("Shift+Tab")
        if cite.evaluate("(node) => node === document.activeElement"):
            break
    expect(cite).to_be_focused()
    press("Enter")
    expect(chat.page.locator("summary")).to_be_focused()
    expect(chat.page.locator(".passage")).to_be_visible()
    press("Enter")
    expect(chat.page.locator(".passage")).to_be_hidden()


def test_a_suggestion_by_keyboard_does_not_lose_the_focus(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.page.get_by_role("button", name="How long does shipping take?").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.field).to_be_focused()


def test_the_first_stop_skips_to_the_field(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.page.evaluate("document.activeElement.blur()")
    chat.page.locator(".skip").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.field).to_be_focused()


def test_a_finished_answer_is_announced_once_and_not_by_the_word(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    chat.page.evaluate(
        """() => {
          window.announced = [];
          new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) =>
            window.announced.push(node.textContent)))).observe(document.getElementById("announcer"), { childList: true });
        }"""
    )
    chat.ask("What does the lamp cost? [say=Here is **one** answer.]")
    assert chat.page.evaluate("announced") == ["Assistant: Here is one answer."]
    log = chat.page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction(system: System, open_page: Open, width: int) -> None:
    chat = open_page(system, **{**PHONE, "viewport": {"width": width, "height": 640}}).connected()
    chat.ask("a" * 300)
    full(chat)
    sizes = "[document.documentElement.scrollWidth, document.getElementById('scroller').scrollWidth, innerWidth]"
    page_width, scroller_width, inner = chat.page.evaluate(sizes)
    assert page_width == inner == width
    assert scroller_width <= width
    targets = chat.page.locator("button:visible, summary:visible").evaluate_all(
        "(all) => all.map((node) => [node.getBoundingClientRect().height, node.outerHTML.slice(0, 60)])"
    )
    assert [target for target in targets if target[0] < 24] == []


def test_nothing_moves_for_those_who_asked_for_that(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted, reduced_motion="reduce").connected()
    chat.say("[first=1500] [tokens=3]")
    expect(chat.page.locator(".dots i").first).to_have_css("animation-name", "none")


def test_the_limit_is_told_in_time(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    send, counter = chat.page.get_by_role("button", name="Send message"), chat.page.locator("#counter")
    expect(send).to_be_disabled()
    chat.field.fill("x" * 3000)
    expect(counter).to_be_hidden()
    expect(send).to_be_enabled()
    chat.field.fill("😀" * 4000)
    expect(counter).to_have_text("4000 of 4000 characters")
    expect(send).to_be_enabled()
    chat.field.fill("x" * 4002)
    expect(counter).to_have_text("2 characters too many")
    expect(send).to_be_disabled()
    chat.field.press("Enter")
    assert chat.texts() == []
    expect(chat.field).to_have_attribute("aria-invalid", "true")


def test_no_words_are_pressed_out_of_the_bubble(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.say("two\nlines")
    expect(chat.page.locator(".user .body")).to_have_text(re.compile("two\nlines"), use_inner_text=True)


def test_the_page_learns_the_gateways_limits(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    # As if the gateway had written other numbers into the page, before any module reads them.
    chat.page.add_init_script(
        """new MutationObserver(() => {
          const told = { "message-characters": "20", files: "1" };
          for (const [name, number] of Object.entries(told)) {
            document.querySelector(`meta[name="deskbus-${name}"]`)?.setAttribute("content", number);
          }
        }).observe(document, { childList: true, subtree: true });"""
    )
    chat.go().connected()
    send, counter = chat.page.get_by_role("button", name="Send message"), chat.page.locator("#counter")
    chat.field.fill("x" * 17)
    expect(counter).to_be_hidden()
    chat.field.fill("x" * 20)
    expect(counter).to_have_text("20 of 20 characters")
    expect(send).to_be_enabled()
    chat.field.fill("x" * 21)
    expect(counter).to_have_text("1 character too many")
    expect(send).to_be_disabled()
    chat.page.route("**/api/chat/upload", lambda route: route.fulfill(json={"attachment_id": "att_1", "error": None}))
    files = [{"name": f"{number}.txt", "mimeType": "text/plain", "buffer": b"x"} for number in range(2)]
    chat.page.locator("#files").set_input_files(files)
    expect(chat.page.locator(".chip[data-state=ready]")).to_have_count(1)
    expect(chat.page.locator(".chip[data-state=failed]")).to_contain_text("A message takes at most 1 file.")
