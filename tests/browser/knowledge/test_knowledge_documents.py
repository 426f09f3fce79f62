"""Documents on the page: listed, found, added by hand and by files, looked at, replaced and deleted."""

from pathlib import Path

import pytest
from msgspec import structs

from deploy.local.documents import file_id
from libs.contracts.documents import Citation, DocumentPassage
from libs.contracts.errors import Unavailable
from libs.runtime.ids import mint
from tests.browser.driver import Page, expect

from .conftest import Library
from .knowledge_page import TOKEN
from .stand_in import NOW, StandIn

HOSTILE = """<img src=x onerror="window.owned=1"><script>window.owned=1</script>"""


def drop(page: Page, *files: tuple[str, str]) -> None:
    """Drop files as a person does, over the zone."""
    transfer = page.evaluate_handle(
        """files => {
          const transfer = new DataTransfer();
          for (const [name, text] of files) transfer.items.add(new File([text], name, { type: "text/markdown" }));
          return transfer;
        }""",
        [list(file) for file in files],
    )
    for event in ("dragenter", "dragover"):
        page.dispatch_event("#zone", event, {"dataTransfer": transfer})
    expect(page.locator("#zone.over")).to_have_count(1)
    page.dispatch_event("#zone", "drop", {"dataTransfer": transfer})


def test_a_wrong_token_is_told_and_the_right_one_is_kept_for_the_tab(library: Library, known: StandIn) -> None:
    known.keep("returns", "Returns")
    page = library(token=None)
    page.give_token("wrong")
    expect(page.page.get_by_role("alert")).to_contain_text("This admin token is not accepted.")
    page.give_token("wröng")
    expect(page.page.get_by_role("alert")).to_contain_text("This admin token is not accepted.")
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#sign-in")).to_be_visible()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.sign_in()
    expect(page.document("returns")).to_be_visible()
    assert asked
    assert [url for url in asked if "token" in url] == []
    assert TOKEN not in page.page.content()
    page.page.reload()
    expect(page.document("returns")).to_be_visible()
    page.press("Sign out")
    expect(page.page.locator("#sign-in")).to_be_visible()
    expect(page.document("returns")).to_be_hidden()
    assert page.page.evaluate("sessionStorage.length") == 0


def test_documents_are_listed_with_their_state(library: Library, known: StandIn) -> None:
    known.keep("returns", "Returns", passages=1)
    known.keep("shipping", "Shipping", "rejected", error="The file is empty", reason="empty", version=0)
    page = library()
    expect(page.page.locator("#documents-count")).to_have_text("2")
    assert page.titles() == ["Shipping", "Returns"]
    expect(page.document("returns")).to_contain_text("version 1 · 1 passage")
    expect(page.document("returns").locator(".state")).to_have_text("Ready")
    expect(page.document("shipping")).to_contain_text("not found by searches ·")
    expect(page.document("shipping")).to_contain_text("The file is empty")


def test_documents_are_found_by_words_and_state_and_loaded_page_by_page(library: Library, known: StandIn) -> None:
    for number in range(60):
        known.keep(f"doc_{number}", f"Guide {number}", "rejected" if number % 30 == 0 else "ready")
    page = library()
    rows = page.page.locator("#documents > li")
    expect(rows).to_have_count(50)
    page.press("Load more")
    expect(rows).to_have_count(60)
    expect(page.page.get_by_role("button", name="Load more")).to_be_hidden()
    expect(rows.nth(50).get_by_role("button")).to_be_focused()
    page.page.get_by_label("State").select_option("Refused")
    expect(rows).to_have_count(2)
    page.page.get_by_label("Title or source contains").fill("guide 30")
    expect(rows).to_have_count(1)
    page.page.get_by_label("Title or source contains").fill("nothing like it")
    expect(page.page.locator("#documents-none")).to_have_text("No document is like that.")


def test_a_document_that_is_being_read_is_looked_at_again(library: Library, known: StandIn) -> None:
    row = known.keep("returns", "Returns", "indexing", version=0, passages=0)
    page = library()
    state = page.document("returns").locator(".state")
    expect(state).to_have_text("Being read")
    page.document("returns").get_by_role("button").focus()
    known.documents["returns"] = structs.replace(row, state="ready", version=1)
    expect(state).to_have_text("Ready")
    expect(page.document("returns").get_by_role("button")).to_be_focused()


def test_files_are_dropped_and_each_is_told_of(library: Library, known: StandIn) -> None:
    page = library()
    drop(page.page, ("Returns & Refunds.md", "# Returns"), ("shipping.md", "# Shipping"))
    expect(page.uploads).to_have_count(2)
    expect(page.uploads.nth(0)).to_contain_text("Added")
    expect(page.uploads.nth(1)).to_contain_text("Added")
    expect(page.page.locator("#documents > li")).to_have_count(2)
    expect(page.page.locator("#announcer")).to_contain_text("2 files taken.")
    assert [(put.name, put.source, put.blob is not None) for put in known.puts] == [
        ("Returns & Refunds.md", "Returns & Refunds.md", True), ("shipping.md", "shipping.md", True),
    ]  # fmt: skip
    drop(page.page, ("shipping.md", "# Shipping 2"))
    expect(page.uploads.nth(2)).to_contain_text("Replaced what was there")
    assert known.puts[2].document_id == known.puts[1].document_id
    # The same ids as `make ingest` gives.
    assert [put.document_id for put in known.puts[:2]] == [file_id("Returns & Refunds.md"), file_id("shipping.md")]
    drop(page.page, ("Ru\u0308ckgabe – Ü.md", "# Rückgabe"))
    expect(page.uploads.nth(3)).to_contain_text("Added")
    assert known.puts[3].document_id == file_id("Ru\u0308ckgabe – Ü.md")


def test_a_file_that_is_refused_does_not_keep_the_others(library: Library, known: StandIn, tmp_path: Path) -> None:
    page = library(expect="status of 422")
    known.state = "rejected"
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-")
    page.page.get_by_label("choose files").set_input_files(tmp_path / "broken.pdf")
    expect(page.uploads.nth(0)).to_contain_text(known.error)
    expect(page.page.locator("#documents .row-error")).to_have_text(known.error)
    known.state = "queued"
    (tmp_path / "good.md").write_text("# Good")
    page.page.get_by_label("choose files").set_input_files(tmp_path / "good.md")
    expect(page.uploads.nth(1)).to_contain_text("Taken, and still being read")


def test_an_upload_shows_how_far_it_is(library: Library, known: StandIn) -> None:
    page = library()
    page.page.evaluate("""() => {
      window.parts = [];
      const watch = new MutationObserver(() => {
        for (const bar of document.querySelectorAll("#uploads progress")) window.parts.push(bar.value);
      });
      watch.observe(document.querySelector("#uploads"), { subtree: true, childList: true, attributes: true });
    }""")
    drop(page.page, ("large.md", "x" * 8_000_000))
    expect(page.uploads).to_contain_text("Added")
    parts = page.page.evaluate("window.parts")
    assert parts == sorted(parts)
    assert parts[-1] == 1


def test_a_text_and_addresses_are_added(library: Library, known: StandIn) -> None:
    page = library()
    page.page.get_by_text("Add a text").click()
    page.press("Add text")
    expect(page.page.locator("#text-fault")).to_have_text("Please write the text.")
    page.page.get_by_label("Title", exact=True).fill("Opening hours")
    page.page.get_by_label("Text, as Markdown").fill("We open at **9**.")
    page.press("Add text")
    expect(page.page.locator("#announcer")).to_contain_text("Added.")
    expect(page.page.get_by_label("Text, as Markdown")).to_have_value("")
    page.page.get_by_text("Add a page of the web").click()
    page.page.get_by_label("Its https address").fill("http://shop.example")
    page.press("Add page")
    expect(page.page.locator("#url-fault")).to_contain_text("https://")
    page.page.get_by_label("Its https address").fill("https://shop.example/help")
    page.press("Add page")
    expect(page.page.locator("#documents")).to_contain_text("https://shop.example/help")
    page.page.get_by_label("Its https address").fill("https://shop.example/sitemap.xml")
    page.page.get_by_label("This is a sitemap").check()
    page.press("Add page")
    expect(page.page.locator("#announcer")).to_contain_text("2 pages will be read.")
    assert [(put.text, put.url, put.title) for put in known.puts] == [
        ("We open at **9**.", None, "Opening hours"), (None, "https://shop.example/help", None),
    ]  # fmt: skip


def test_a_document_is_opened_replaced_and_deleted(library: Library, known: StandIn, tmp_path: Path) -> None:
    known.keep("returns", "Returns", metadata={"category": "faq", "year": 2026}, language="en")
    known.passages["returns"] = [
        DocumentPassage(position=number, heading="Returns > Time", text=f"Passage {number}") for number in range(30)
    ]
    session = mint("sess")
    known.citations["returns"] = [
        Citation(session_id=session, turn_id="turn_1", message_id="msg_1", version=1, passages=[1], outdated=True,
                 answered_at=NOW),
    ]  # fmt: skip
    page = library()
    page.document("returns").get_by_role("button").click()
    expect(page.page.get_by_role("heading", name="Returns", exact=True)).to_be_focused()
    view = page.page.locator("#document")
    expect(view).to_contain_text("faq")
    expect(view).to_contain_text("Two pictures were left out")
    expect(view.locator(".passage-card")).to_have_count(20)
    page.press("Load more")
    expect(view.locator(".passage-card")).to_have_count(30)
    expect(view).to_contain_text("1 answer cited it, 1 of them a version that is found no more.")
    assert view.get_by_role("link", name="Conversation").get_attribute("href") == f"operator#session={session}"
    (tmp_path / "returns.md").write_text("# Returns 2")
    page.page.get_by_label("Upload a new version").set_input_files(tmp_path / "returns.md")
    expect(view).to_contain_text("Version 2")
    assert (known.puts[0].document_id, known.puts[0].must_exist, known.puts[0].metadata) == (
        "returns", True, {"category": "faq", "year": 2026},
    )  # fmt: skip
    page.press("Delete")
    expect(page.page.get_by_role("dialog")).to_contain_text("cannot be undone")
    expect(page.page.get_by_role("button", name="Cancel")).to_be_focused()
    page.press("Cancel")
    assert "returns" in known.documents
    page.press("Delete")
    page.page.locator("#question-yes").click()
    expect(page.page.locator("#announcer")).to_contain_text("Deleted with 2 passages. Nothing of it is left.")
    expect(page.page.locator("#documents-none")).to_have_text("There are no documents yet.")
    assert known.documents == {}


def test_of_a_deleted_document_its_answers_can_be_listed(library: Library, known: StandIn) -> None:
    known.citations["gone"] = [
        Citation(session_id=mint("sess"), turn_id="turn_1", message_id="msg_1", version=1, passages=[1], outdated=True,
                 answered_at=NOW),
    ]  # fmt: skip
    page = library("document=gone", expect="status of 404")
    expect(page.page.get_by_role("alert")).to_contain_text("There is no such document")
    expect(page.page.locator("#document")).to_contain_text("1 answer cited it")


def test_a_service_that_is_away_is_told_and_asked_again(library: Library, known: StandIn) -> None:
    known.keep("returns", "Returns")
    known.faults["list_documents"] = Unavailable("index_unavailable", "What searches rest on is away")
    page = library(expect="status of 503")
    expect(page.page.locator("#documents-fault")).to_have_text("What searches rest on is away")
    known.faults.clear()
    expect(page.document("returns")).to_be_visible()
    expect(page.page.locator("#documents-fault")).to_be_hidden()


def test_hostile_words_stay_words(library: Library, known: StandIn) -> None:
    known.keep("bad", HOSTILE, source=HOSTILE, metadata={"<b>": HOSTILE})
    known.passages["bad"] = [DocumentPassage(position=0, heading=HOSTILE, text=HOSTILE)]
    page = library()
    expect(page.document("bad").locator(".row-title")).to_have_text(HOSTILE)
    page.document("bad").get_by_role("button").click()
    expect(page.page.locator(".passage-text")).to_have_text(HOSTILE)
    assert page.page.locator("#main :is(script, img)").count() == 0
    assert page.page.evaluate("window.owned") is None


@pytest.mark.parametrize("view", ["documents", "search", "gaps", "index", "document=returns"])
def test_a_phone_shows_everything_without_scrolling_sideways(library: Library, known: StandIn, view: str) -> None:
    known.keep("returns", "Returns-" * 20, source="https://shop.example/" + "x" * 200)
    known.passages["returns"] = [DocumentPassage(position=0, heading="H > " * 20, text="w" * 300)]
    known.miss("q" * 300, examples=["e" * 200], draft="d" * 200)
    page = library(view, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(page.page.locator(".view:not([hidden]) h2")).to_be_visible()
    expect(page.page.locator("nav")).to_contain_text("Index")
    if view == "document=returns":
        expect(page.page.locator(".passage-card")).to_be_visible()
    wide = (
        "[document.documentElement, document.querySelector('#main')].some((box) => box.scrollWidth > box.clientWidth)"
    )
    assert page.page.evaluate(wide) is False
