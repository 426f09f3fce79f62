"""Files on the page: their limits, their progress, and what goes with the message."""

import json

import pytest

from tests.support.system import System

from .conftest import Open
from .driver import Route, WebSocket, expect

MIB = 1024 * 1024
UPLOADED = {
    "attachment_id": "att_1", "filename": "order.txt", "size_mb": 0.00001, "content_type": "text/plain",
    "processed": True, "preview": "order 7", "error": None,
}  # fmt: skip


def file(name: str, size: int) -> dict[str, object]:
    return {"name": name, "mimeType": "text/plain", "buffer": b"x" * size}


def test_a_file_over_the_limit_is_refused_in_words(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.page.locator("#files").set_input_files([file("big.txt", 10 * MIB + 1)])
    chip = chat.page.locator(".chip")
    expect(chip).to_contain_text("Too large: a file may have at most 10 MiB, and this one has 10.1 MiB.")
    expect(chat.page.locator("#announcer")).to_contain_text("big.txt: Too large")
    chip.get_by_role("button", name="Remove big.txt").click()
    expect(chip).to_have_count(0)
    expect(chat.page.get_by_role("button", name="Attach files")).to_be_focused()


def test_a_message_takes_five_files(system: System, open_page: Open) -> None:
    chat = open_page(system)
    chat.page.route("**/api/chat/upload", lambda route: route.fulfill(json=UPLOADED))
    chat.connected()
    chat.page.locator("#files").set_input_files([file(f"{number}.txt", 10) for number in range(6)])
    expect(chat.page.locator(".chip[data-state=ready]")).to_have_count(5)
    expect(chat.page.locator(".chip[data-state=failed]")).to_contain_text("A message takes at most 5 files.")


def test_a_file_is_uploaded_and_goes_with_the_message(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    held: list[Route] = []
    sent: list[dict[str, object]] = []

    def hold(route: Route) -> None:
        held.append(route)

    chat.page.route("**/api/chat/upload", hold)

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: sent.append(json.loads(text)))

    chat.page.on("websocket", listen)
    chat.go().connected()
    chat.page.locator("#files").set_input_files([file("order.txt", 2000)])
    chat.field.fill("What does it say?")
    expect(chat.page.get_by_role("progressbar", name="Uploading order.txt")).to_be_visible()
    expect(chat.page.get_by_role("button", name="Send message")).to_be_disabled()
    form = held[0].request.post_data_buffer or b""
    assert chat.session_id.encode() in form
    assert b'filename="order.txt"' in form
    held[0].fulfill(json=UPLOADED)
    expect(chat.page.locator(".chip[data-state=ready]")).to_be_visible()
    chat.field.press("Enter")
    expect(chat.page.locator(".user .files")).to_contain_text("order.txt 2.0 KiB")
    expect(chat.page.locator(".chip")).to_have_count(0)
    messages = [frame for frame in sent if frame["type"] == "message"]
    assert [frame["attachment_ids"] for frame in messages] == [["att_1"]]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (413, {"code": "file_too_large", "detail": "The file passes the limit."}, "The file passes the limit."),
        (503, {"code": "unavailable", "detail": "Try again in a moment."}, "Try again in a moment."),
        (404, {"code": "not_found", "detail": "There is nothing here"}, "Files cannot be attached here."),
        (502, None, "Something went wrong on our side."),
    ],
)
def test_an_upload_that_fails_says_why(
    system: System, open_page: Open, status: int, body: dict[str, str] | None, words: str
) -> None:
    chat = open_page(system, expect=str(status)).connected()
    answer = json.dumps(body) if body else "<html>Bad gateway</html>"
    chat.page.route("**/api/chat/upload", lambda route: route.fulfill(status=status, body=answer))
    chat.page.locator("#files").set_input_files([file("a.txt", 10)])
    expect(chat.page.locator(".chip[data-state=failed]")).to_contain_text(words)
    expect(chat.page.get_by_role("button", name="Attach files")).to_be_visible(visible=status != 404)
    # The rest of the message can still go.
    chat.ask("What is your refund policy?")


def test_a_file_that_cannot_be_read_is_told(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    answer = {**UPLOADED, "processed": False, "error": "This type cannot be read; txt, md, csv, json and pdf can."}
    chat.page.route("**/api/chat/upload", lambda route: route.fulfill(json=answer))
    chat.page.locator("#files").set_input_files([file("a.txt", 10)])
    expect(chat.page.locator(".chip")).to_contain_text("This type cannot be read")


def test_a_dropped_file_is_taken(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.page.route("**/api/chat/upload", lambda route: route.fulfill(json=UPLOADED))
    chat.page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(["order 7"], "order.txt", { type: "text/plain" }));
          document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
          window.shown = !document.getElementById("drop").hidden;
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }"""
    )
    expect(chat.page.locator(".chip[data-state=ready]")).to_contain_text("order.txt")
    assert chat.page.evaluate("shown") is True
    expect(chat.page.locator("#drop")).to_be_hidden()


def test_a_file_reaches_the_conversation(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    chat.page.locator("#files").set_input_files([file("order.txt", 2000)])
    expect(chat.page.locator(".chip[data-state=ready]")).to_be_visible()
    chat.ask("What does my file say?")
    [attached] = chat.stored()[0]["attachments"]
    assert (attached["filename"], attached["size"]) == ("order.txt", 2000)
    chat.go()
    expect(chat.page.locator(".user .files")).to_contain_text("order.txt 2.0 KiB")


def test_feedback_is_stored(system: System, open_page: Open) -> None:
    chat = open_page(system).connected()
    answer = chat.ask("What is your refund policy?")
    answer.get_by_role("button", name="Not helpful").click()
    expect(chat.page.locator("#announcer")).to_contain_text("Thank you")
    answer.get_by_role("button", name="Helpful", exact=True).click()
    expect(answer.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "false")
    expect(chat.page.locator("#announcer p", has_text="Thank you")).to_have_count(2)
    assert chat.stored()[1]["feedback"]["rating"] == "up"
    chat.go()
    expect(answer.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")


def test_feedback_is_given_or_taken_away(system: System, open_page: Open) -> None:
    chat = open_page(system, expect="404").connected()
    given: list[dict[str, str]] = []

    def take(route: Route) -> None:
        given.append(json.loads(route.request.post_data or ""))
        route.fulfill(json={})

    chat.page.route("**/feedback", take)
    answer = chat.ask("What is your refund policy?")
    answer.get_by_role("button", name="Helpful", exact=True).click()
    expect(answer.get_by_role("button", name="Helpful", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(chat.page.locator("#announcer")).to_contain_text("Thank you")
    assert [body["rating"] for body in given] == ["up"]
    chat.page.unroute("**/feedback")
    missing = json.dumps({"code": "not_found", "detail": "There is nothing at this path", "status": 404})
    chat.page.route("**/feedback", lambda route: route.fulfill(status=404, body=missing))
    answer.get_by_role("button", name="Not helpful").click()
    expect(chat.page.locator(".feedback")).to_have_count(0)
