"""The registry, and the tools that are built in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.attachments import AttachmentText, Texts
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import SearchResult
from libs.contracts.session import AttachmentRef, Escalation, Message
from services.agent.app.builtin_tools import CATEGORIES, MAX_FILE_CHARACTERS, built_in
from services.agent.app.tools import Registry, UnknownTools
from services.agent.domain import tools
from services.agent.domain.facts import Fact
from services.agent.domain.prompt import Outcome
from services.agent.domain.steps import ToolContext, ToolKind, ToolResult

from .fakes import DONE, NOON, Bus, Log, SpokenModel, claim, message, source, turn, turns
from .tool_fakes import CountingTool, Stage, asks

# --- the registry


def registry(*names: str, enabled: list[str] | None = None) -> tuple[Registry, list[CountingTool], Log]:
    log = Log()
    made, found = [CountingTool(name) for name in names], Registry(log, enabled or [])
    for tool in made:
        found.register(tool)
    return found, made, log


async def test_tools_keep_the_order_in_which_they_were_registered() -> None:
    found, _, _ = registry("zebra_tool", "ant_tool", "mole_tool")
    await found.initialise()
    assert found.names == ["zebra_tool", "ant_tool", "mole_tool"]
    assert [spec.name for spec in found.specs()] == found.names
    assert await found.probe() == "3: zebra_tool, ant_tool, mole_tool"


async def test_settings_choose_among_them() -> None:
    found, (_, second), _ = registry("one_tool", "two_tool", enabled=["two_tool"])
    await found.initialise()
    assert found.names == ["two_tool"]
    assert found.kind("two_tool") == second.kind
    assert (found.kind("one_tool"), found.find("one_tool"), found.kind("no_tool")) == (None, None, None)
    assert await found.probe() == "1: two_tool"


async def test_settings_can_do_without_any() -> None:
    found, _, _ = registry("one_tool", enabled=["none"])
    await found.initialise()
    assert (found.names, found.specs(), await found.probe()) == ([], [], "0")


@pytest.mark.parametrize("enabled", [["one_tool", "won_tool"], ["none", "one_tool"]])
async def test_settings_that_enable_what_is_not_there_are_refused(enabled: list[str]) -> None:
    found, _, _ = registry("one_tool", enabled=enabled)
    with pytest.raises(
        UnknownTools, match=r"there is no tool (won_tool|none together with others); there are: one_tool"
    ):
        await found.initialise()


def test_a_name_is_registered_once() -> None:
    found, (tool,), _ = registry("one_tool")
    with pytest.raises(ValueError, match="one_tool is registered already"):
        found.register(CountingTool("one_tool"))
    assert found.find("one_tool").tool is tool  # type: ignore[union-attr]


def test_a_tool_needs_a_schema_that_can_be_checked() -> None:
    found, tool = Registry(Log()), CountingTool("one_tool")
    spec = type(tool.kind.spec)(name="one_tool", description="x", parameters={"type": "objekt"})
    tool.kind = ToolKind(spec=spec)
    with pytest.raises(ValueError, match="tool one_tool: type"):
        found.register(tool)


async def test_a_tool_that_is_away_is_named_and_stops_nobody() -> None:
    found, made, log = registry("one_tool", "two_tool", "three_tool")
    made[1].away = Unavailable("tool_unreachable", "ann@example.com")
    made[2].away = RuntimeError("ann@example.com")
    await found.initialise()
    assert log.named("tool_not_ready") == [
        {"tool": "two_tool", "code": "tool_unreachable"}, {"tool": "three_tool", "code": "RuntimeError"},
    ]  # fmt: skip
    assert await found.probe() == "3: one_tool, two_tool, three_tool (away: two_tool, three_tool)"
    assert "ann@example.com" not in repr(log.lines)


async def test_all_tools_are_closed_also_after_one_that_cannot_be() -> None:
    found, made, log = registry("one_tool", "two_tool", enabled=["one_tool"])
    made[0].fault = RuntimeError("stuck")
    await found.close()
    assert [tool.closed for tool in made] == [1, 1]
    assert log.named("tool_not_closed") == [{"tool": "one_tool", "code": "RuntimeError"}]


# --- the built-in tools


class Notes:
    """Memory in a list; it refuses what a test says."""

    def __init__(self) -> None:
        self.kept: list[tuple[Any, ...]] = []
        self.told: list[tuple[datetime, int]] = []
        self.refuses = False
        self.fault: Exception | None = None

    async def remember(
        self, tenant: str, session_id: str, user_id: str | None, label: str, value: str, *, told_at: datetime, seq: int
    ) -> bool:
        if self.fault:
            raise self.fault
        self.told.append((told_at, seq))
        if not self.refuses:
            self.kept.append((tenant, session_id, user_id, label, value))
        return not self.refuses

    async def recall(self, tenant: str, session_id: str, user_id: str | None) -> list[tuple[str, str]]:
        if self.fault:
            raise self.fault
        return [(label, value) for *_, label, value in self.kept]


class Desk:
    """The built-in tools over a bus and notes that a test sets."""

    def __init__(self) -> None:
        self.bus, self.notes = Bus(), Notes()
        self.stage = Stage(*built_in(self.bus, self.notes, passages=4, search_s=1.0))
        self.context: dict[str, Any] = {}

    async def run(self, name: str, arguments: str = "{}", next_rank: int = 1) -> ToolResult:
        return await self.stage.attempt(**self.context).run(asks(arguments, name), next_rank)


def test_the_built_in_tools_are_there_in_their_order() -> None:
    kinds = [tool.kind for tool in built_in(Bus(), Notes())]
    assert tuple(kind.spec.name for kind in kinds) == tools.BUILT_IN
    assert all(kind.access == "read_only" and kind.idempotent and kind.doing for kind in kinds)
    # A model is told when to use each, and when not.
    assert all("Use it" in kind.spec.description or "use it" in kind.spec.description for kind in kinds)


async def test_a_search_gives_passages_with_ranks_that_go_on() -> None:
    desk = Desk()
    found = SearchResult(sources=[source("One", rank=1), source("Two", rank=2)], method="dense", model="m")
    desk.bus.answer(bus_map.SEARCH, found)
    result = await desk.run("search_knowledge", '{"query": "returns"}', next_rank=6)
    assert [(passage.rank, passage.content) for passage in result.passages] == [(6, "One"), (7, "Two")]
    assert result.text == "Passages found: 2."
    (asked,) = desk.bus.requests(bus_map.SEARCH)
    assert (asked.query, asked.limit) == ("returns", 4)


async def test_a_search_that_finds_nothing_or_cannot_be_made() -> None:
    desk = Desk()
    desk.bus.answer(
        bus_map.SEARCH, SearchResult(sources=[], method="dense", model="m"), Unavailable("no_responders", "away")
    )
    nothing = await desk.run("search_knowledge", '{"query": "returns"}')
    assert (nothing.failed, nothing.passages) == (False, [])
    assert (await desk.run("search_knowledge", '{"query": "returns"}')).failed


@pytest.mark.parametrize(("query", "taken"), [("x" * 500, True), ("x" * 501, False), ("", False), ("  ", False)])
async def test_a_search_has_a_length(query: str, taken: bool) -> None:
    desk = Desk()
    result = await desk.run("search_knowledge", f'{{"query": "{query}"}}')
    assert result.failed is not taken
    assert len(desk.bus.requests(bus_map.SEARCH)) == taken


def with_file(attachment_id: str, filename: str, seq: int) -> Message:
    ref = AttachmentRef(attachment_id, filename, "text/plain", 10)
    return Message(id=f"msg_{seq}", seq=seq, role="user", content="See this", timestamp=NOON, attachments=[ref])


def uploads(desk: Desk, **told: Any) -> None:
    desk.context = {
        "history": [with_file("att_1", "bill.txt", 1), with_file("att_2", "photo.txt", 2)],
        "questions": [with_file("att_3", "bill.txt", 3)],
    }
    values: dict[str, Any] = {"state": "ready", "text": "Total: 12", **told}
    text = AttachmentText(attachment_id="att_3", filename="bill.txt", content_type="text/plain", **values)
    desk.bus.answer(bus_map.ATTACHMENT_TEXTS, Texts([text]))


@pytest.mark.parametrize(
    ("named", "asked"), [("bill.txt", "att_3"), ("att_1", "att_1"), (" photo.txt ", "att_2"), ("att_3", "att_3")]
)
async def test_a_file_is_read_by_its_name_or_id_the_latest_of_a_name(named: str, asked: str) -> None:
    desk = Desk()
    uploads(desk)
    assert (await desk.run("read_attachment", f'{{"file": "{named}"}}')).text == "Total: 12"
    (request,) = desk.bus.requests(bus_map.ATTACHMENT_TEXTS)
    assert request.attachment_ids == [asked]


async def test_a_file_of_nobody_here_is_not_asked_for() -> None:
    desk = Desk()
    uploads(desk)
    result = await desk.run("read_attachment", '{"file": "att_9"}')
    assert result.failed
    assert result.text.endswith("There are: 'bill.txt' (att_3), 'photo.txt' (att_2), 'bill.txt' (att_1).")
    assert desk.bus.requests(bus_map.ATTACHMENT_TEXTS) == []
    desk.context = {}
    assert (await desk.run("read_attachment", '{"file": "x"}')).text.endswith("There are: none.")


@pytest.mark.parametrize("over", [0, 1])
async def test_a_files_text_is_bounded(over: int) -> None:
    desk = Desk()
    uploads(desk, text="x" * (MAX_FILE_CHARACTERS + over))
    result = await desk.run("read_attachment", '{"file": "bill.txt"}')
    assert result.text == "x" * MAX_FILE_CHARACTERS + ("\n(cut: the file says more)" if over else "")


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"state": "uploaded", "text": ""}, "still being read"),
        ({"state": "rejected", "text": "", "error": "It is encrypted."}, "It is encrypted."),
        ({"state": "ready", "text": ""}, "it has no text"),
    ],
    ids=["uploaded", "rejected", "empty"],
)
async def test_a_file_without_a_text_says_why(told: dict[str, Any], word: str) -> None:
    desk = Desk()
    uploads(desk, **told)
    result = await desk.run("read_attachment", '{"file": "bill.txt"}')
    assert result.failed
    assert word in result.text


async def test_a_file_that_was_removed_or_cannot_be_had_now() -> None:
    desk = Desk()
    uploads(desk)
    desk.bus.answer(bus_map.ATTACHMENT_TEXTS, Texts([]), Unavailable("no_responders", "away"))
    for word in ("not there any more", "right now"):
        result = await desk.run("read_attachment", '{"file": "bill.txt"}')
        assert result.failed
        assert word in result.text


def said(*texts: str) -> Desk:
    """Give a desk in whose conversation the customer has said this, the last of it just now."""
    desk = Desk()
    *before, now = [message(text, seq=seq) for seq, text in enumerate(texts, start=1)]
    desk.context = {"history": before, "questions": [now]}
    return desk


async def test_what_is_remembered_is_recalled() -> None:
    desk = said("I'm Ann.")
    assert (await desk.run("recall")).text == "Nothing is remembered of this customer."
    kept = await desk.run("remember", '{"label": "name", "value": " Ann "}')
    assert kept.text == "Remembered: name."
    assert desk.notes.kept == [("acme", "sess_1", "ann", "name", "Ann")]
    assert (await desk.run("recall")).text == "name: Ann"


async def test_memory_may_refuse_or_be_away() -> None:
    desk = said("My order A-1 is late")
    desk.notes.refuses = True
    refused = await desk.run("remember", '{"label": "order", "value": "is late"}')
    assert (refused.failed, desk.notes.kept) == (True, [])
    desk.notes.fault = Unavailable("memory_unavailable", "away")
    assert (await desk.run("remember", '{"label": "order", "value": "A-1"}')).failed
    assert (await desk.run("recall")).failed


@pytest.mark.parametrize(
    ("label", "value", "taken"),
    [
        ("a" * 40, "x", True), ("a" * 41, "x", False), ("Name", "x", False), ("", "x", False),
        ("name", "x" * 200, True), ("name", "x" * 201, False), ("name", "", False),
    ],
    ids=range(7),
)  # fmt: skip
async def test_what_is_remembered_has_bounds(label: str, value: str, taken: bool) -> None:
    desk = said(value)
    result = await desk.run("remember", f'{{"label": "{label}", "value": "{value}"}}')
    assert result.failed is not taken
    assert len(desk.notes.kept) == taken


@pytest.mark.parametrize(
    ("texts", "value", "kept"),
    [
        (["My name is Ann Lee."], "Ann Lee", True), (["I'm ANN, (lee)!"], "ann lee", True), (["Lee", "and Ann"], "Ann Lee", False),
        (["Ａnn straße"], "Ann STRASSE", True), (["Write to ann@mail.example"], "ann@mail.example", True),
        (["My name is Ann."], "Ann Lee", False), (["My name is Anna"], "Ann", False), (["Hello"], "administrator", False),
        (["My order is A-1042"], "A-1043", False), (["Hello!"], "!", False),
    ],
    ids=range(10),
)  # fmt: skip
async def test_only_the_customers_own_words_are_remembered(texts: list[str], value: str, kept: bool) -> None:
    desk = said(*texts)
    result = await desk.run("remember", f'{{"label": "note", "value": "{value}"}}')
    assert (not result.failed, len(desk.notes.kept)) == (kept, kept)
    assert kept or "only what the customer wrote" in result.text


@pytest.mark.parametrize(
    ("texts", "seq"),
    [
        (["I live in Bremen.", "Hello", "Where is it?"], 1), (["In Bremen", "In Bremen, yes", "Where is it?"], 2),
        (["In Bremen", "It is Bremen", "Bremen"], 3), (["New York", "not York", "New?"], 1),
    ],
    ids=range(4),
)  # fmt: skip
async def test_what_is_remembered_was_told_by_the_newest_message_with_all_its_words(texts: list[str], seq: int) -> None:
    desk = said(*texts)
    for where in ("history", "questions"):
        desk.context[where] = [replace(one, timestamp=NOON + timedelta(days=one.seq)) for one in desk.context[where]]
    value = "New York" if "York" in texts[0] else "Bremen"
    assert not (await desk.run("remember", f'{{"label": "city", "value": "{value}"}}')).failed
    assert desk.notes.told == [(NOON + timedelta(days=seq), seq)]


async def test_what_others_repeat_is_no_newer() -> None:
    desk = said("I live in Bremen.", "Where is my order?")
    desk.context["history"].append(message("You live in Bremen.", seq=2, role="assistant"))
    await desk.run("remember", '{"label": "city", "value": "Bremen"}')
    assert desk.notes.told == [(NOON, 1)]


@pytest.mark.parametrize("role", ["assistant", "operator", "system"])
async def test_what_others_wrote_is_not_remembered_as_the_customers(role: str) -> None:
    desk = said("Hello")
    desk.context["history"] = [message("You are an administrator", role=role)]
    assert (await desk.run("remember", '{"label": "role", "value": "administrator"}')).failed
    assert desk.notes.kept == []


ESCALATE = '{"reason": "wants money back", "category": "%s", "priority": "%s", "summary": "Charged twice."}'


async def test_a_person_is_called() -> None:
    result = await Desk().run("escalate", ESCALATE % ("billing", "high"))
    assert result.escalation == Escalation(
        reasons=["model_asked"], category="billing", priority="high", evidence=["Charged twice."]
    )


async def test_a_colleague_is_told_no_links() -> None:
    told = (ESCALATE % ("billing", "high")).replace(
        "twice.", "twice, see https://evil.test/a or [this](https://evil.test/b)."
    )
    result = await Desk().run("escalate", told)
    assert result.escalation
    assert result.escalation.evidence == ["Charged twice, see (link removed) or this."]


@pytest.mark.parametrize(("category", "priority"), [("weather", "high"), ("billing", "whenever")])
async def test_a_person_is_called_in_known_words_only(category: str, priority: str) -> None:
    result = await Desk().run("escalate", ESCALATE % (category, priority))
    assert (result.failed, result.escalation) == (True, None)
    assert "must be one of" in result.text


@pytest.mark.parametrize("category", CATEGORIES)
async def test_every_category_can_be_named(category: str) -> None:
    result = await Desk().run("escalate", ESCALATE % (category, "normal"))
    assert result.escalation
    assert result.escalation.category == category


async def test_tools_answer_also_without_steps() -> None:
    """A context as small as it can be: nothing but whom it is for."""
    bare = ToolContext(tenant="acme", session_id="sess_1", turn_id="turn_1", user_id=None, key="k")
    results = [await tool.call({"file": "x", "query": "y"}, bare) for tool in built_in(Bus(), Notes())[:2]]
    assert [result.failed for result in results] == [False, True]


async def test_the_search_that_every_answer_makes_is_no_tool_that_it_used() -> None:
    bus = Bus()
    await turns(bus, SpokenModel("Thirty days.", DONE)).answer(claim(turn("How long do I have?")))
    [stored] = bus.requests(bus_map.COMPLETE_TURN)
    assert bus.requests(bus_map.SEARCH) != []
    assert stored.answer.tools_used == []


async def test_a_search_that_a_model_asks_for_is_a_tool_that_it_used() -> None:
    bus = Bus()
    called = Outcome(tools_used=["search_knowledge"])
    await turns(bus, SpokenModel("Thirty days.", called)).answer(claim(turn("How long do I have?")))
    [stored] = bus.requests(bus_map.COMPLETE_TURN)
    assert stored.answer.tools_used == ["search_knowledge"]


def test_what_was_read_and_recalled_for_an_answer_is_named() -> None:
    file = AttachmentRef("att_1", "photo.png", "image/png", 10)
    asked = [replace(message("see"), attachments=[file])]
    assert tools.looked_up(asked, [Fact(label="name", value="Ana")]) == ["read_attachment", "recall"]
