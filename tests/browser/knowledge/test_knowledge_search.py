"""The search playground, the gaps and the index on the page."""

from msgspec import structs

from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import Source
from tests.browser.driver import expect

from .conftest import Library
from .stand_in import StandIn


def source(rank: int, content: str, score: float, **fields: object) -> Source:
    about = {"document_id": f"doc_{rank}", "title": f"Guide {rank}", "source": "help/guide", "version": 2}
    return Source(content=content, metadata={**about, **fields}, relevance_score=score, rank=rank,
                  cosine=None if rank == 2 else score)  # fmt: skip


def test_a_search_shows_scores_and_marks_the_words_of_the_question(library: Library, known: StandIn) -> None:
    known.keep("doc_1", "Guide 1")
    known.found = [
        source(1, "You can return an item within 30 days. Returned items are refunded to the CAFÉ card.", 0.87),
        source(2, "Shipping takes two days.", 0.41, heading="Shipping > Time"),
    ]
    page = library("search")
    query = page.page.get_by_role("searchbox", name="Question")
    expect(query).to_be_focused()
    query.fill("How do I return an item to the cafe?")
    query.press("Enter")
    expect(page.found).to_have_count(2)
    assert page.found.nth(0).locator("mark").all_inner_texts() == ["return", "item", "Returned", "items", "CAFÉ"]
    assert page.found.nth(1).locator("mark").count() == 0
    expect(page.found.nth(0)).to_contain_text("0.87")
    expect(page.found.nth(0)).to_contain_text("meaning 0.87")
    expect(page.found.nth(1)).to_contain_text("by words alone")
    expect(page.found.nth(1)).to_contain_text("Shipping > Time")
    page.page.get_by_label("Passages", exact=True).select_option("10")
    page.page.get_by_label("Lowest score").fill("0.5")
    page.press("Search")
    expect(page.page.locator("#search-words")).to_contain_text("2 passages in")
    assert [(each.limit, each.min_score) for each in known.searches] == [(5, None), (10, 0.5)]
    page.found.nth(0).get_by_role("link", name="Guide 1").click()
    expect(page.page.locator("#document-title")).to_have_text("Guide 1")


def test_a_passage_reads_as_wide_as_the_page(library: Library, known: StandIn) -> None:
    known.found = [source(1, "One line\nof two.\n\n- a list\n- of two\n1. first\n2. second\n| a | b |\n| c | d |", 0.5)]
    page = library("search")
    page.page.get_by_role("searchbox", name="Question").fill("anything")
    page.press("Search")
    shown = page.found.locator(".passage-text")
    expect(shown).to_be_visible()
    assert shown.inner_text() == ("One line of two.\n\n- a list\n- of two\n1. first\n2. second\n| a | b |\n| c | d |")


def test_what_finds_nothing_or_cannot_be_asked_is_told(library: Library, known: StandIn) -> None:
    page = library("search", expect="status of 503")
    page.press("Search")
    expect(page.page.locator("#search-fault")).to_have_text("Please write a question.")
    page.page.get_by_role("searchbox", name="Question").fill("anything")
    page.page.get_by_label("Lowest score").fill("2")
    page.press("Search")
    expect(page.page.locator("#search-fault")).to_contain_text("0 to 1")
    page.page.get_by_label("Lowest score").fill("")
    page.press("Search")
    expect(page.page.locator("#search-words")).to_have_text("Nothing is near enough.")
    known.faults["search"] = Unavailable("index_unavailable", "The vector index does not answer.")
    page.press("Search")
    expect(page.page.locator("#search-fault")).to_have_text("The vector index does not answer.")
    assert len(known.searches) == 1


def test_gaps_are_answered_dismissed_and_opened_again(library: Library, known: StandIn) -> None:
    often = known.miss("Do you ship to Norway?", count=7, examples=["shipping to norway?"], draft="Yes, in five days.")
    rare = known.miss("Who won the match?", count=1)
    page = library("gaps")
    expect(page.page.locator("#gaps-count")).to_have_text("2")
    assert page.page.locator("#gaps h3").all_inner_texts() == ["Do you ship to Norway?", "Who won the match?"]
    entry = page.gap(often.gap_id)
    expect(entry).to_contain_text("Asked 7 times")
    entry.get_by_text("1 other wording").click()
    expect(entry).to_contain_text("shipping to norway?")
    entry.get_by_role("button", name="Answer", exact=True).click()
    answer = entry.get_by_label("Answer, as Markdown")
    expect(answer).to_be_focused()
    expect(answer).to_have_value("Yes, in five days.")
    answer.fill(" ")
    entry.get_by_role("button", name="Save the answer").click()
    expect(entry.get_by_role("alert")).to_contain_text("both the question and the answer")
    answer.fill("Yes, within five days.")
    entry.get_by_role("button", name="Save the answer").click()
    expect(entry).to_be_hidden()
    assert (known.puts[0].title, known.puts[0].text) == ("Do you ship to Norway?", "Yes, within five days.")
    expect(page.gap(rare.gap_id).get_by_role("button", name="Answer", exact=True)).to_be_focused()
    page.gap(rare.gap_id).get_by_role("button", name="Dismiss").click()
    expect(page.page.locator("#gaps-none")).to_have_text("Nothing is missing.")
    expect(page.page.locator("#gaps-title")).to_be_focused()
    page.page.get_by_label("Show").select_option("Dismissed")
    page.gap(rare.gap_id).get_by_role("button", name="Open again").click()
    expect(page.page.locator("#gaps-none")).to_have_text("There are none.")
    page.page.get_by_label("Show").select_option("Answered, not found yet")
    expect(page.gap(often.gap_id).get_by_role("link", name="Its answer")).to_be_visible()
    assert {gap.state for gap in known.gaps.values()} == {"answered", "open"}


def test_the_index_is_built_anew_with_its_progress(library: Library, known: StandIn) -> None:
    page = library("index")
    expect(page.page.locator("#index")).to_contain_text("all-MiniLM-L6-v2")
    expect(page.page.locator("#index")).to_contain_text("1,234")
    page.page.get_by_label("Embedding model").fill("other/model")
    page.press("Reindex")
    expect(page.page.get_by_role("dialog")).to_contain_text("other/model")
    page.page.locator("#question-yes").click()
    expect(page.page.locator("#rebuilding-words")).to_have_text("1 of 4 documents by other/model")
    expect(page.page.locator("#reindex")).to_be_disabled()
    assert known.reindexed == ["other/model"]
    assert known.rebuilding
    known.rebuilding = structs.replace(known.rebuilding, done=3)
    expect(page.page.locator("#rebuilding-words")).to_contain_text("3 of 4")
    assert page.page.locator("#rebuilding-bar").evaluate("bar => bar.value") == 0.75
    known.rebuilding = None
    expect(page.page.locator("#rebuilding")).to_be_hidden()
    expect(page.page.locator("#reindex")).to_be_enabled()
    expect(page.page.locator("#announcer")).to_contain_text("The new index is in use.")
