"""The screen of an honest client: it objects to what does not add up, and can go back to any place it has been."""

from typing import Any

from tests.support.screen import Screen


def told(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def text(content: str, offset: int, attempt: int = 1) -> dict[str, Any]:
    return told("text", turn_id="turn_1", attempt=attempt, content=content, offset=offset, cursor=f"c{offset}")


def complete(content: str, attempt: int = 1) -> dict[str, Any]:
    message = {"id": "msg_2", "content": content}
    return told("complete", turn_id="turn_1", attempt=attempt, message=message, cursor="end")


def start(attempt: int = 1) -> dict[str, Any]:
    return told("start", turn_id="turn_1", attempt=attempt, cursor="begin")


def shown(*frames: dict[str, Any]) -> Screen:
    screen = Screen("client")
    for frame in frames:
        screen.take(frame)
    return screen


def test_an_answer_is_shown_with_the_text_of_its_last_attempt() -> None:
    screen = shown(start(), text("ab", 0), start(2), text("x", 0, 2), text("y", 1, 2), complete("xy", 2))
    assert [(each.text, each.attempt) for each in screen.view.shown] == [("xy", 2)]
    assert screen.view.faults == []
    assert screen.cursor == "end"


def test_text_that_is_missing_doubled_or_of_another_attempt_is_objected_to() -> None:
    assert shown(start(), text("ab", 0), text("c", 3)).view.faults == ["text of turn_1 at 3 after 2 characters"]
    assert shown(start(), text("ab", 0), text("b", 1)).view.faults == ["text of turn_1 at 1 after 2 characters"]
    assert "is shown" in shown(start(2), text("ab", 0)).view.faults[0]
    assert "while None is shown" in shown(complete("")).view.faults[0]


def test_a_client_that_comes_back_is_told_that_it_resumes() -> None:
    assert shown(told("connected", resumed=False, cursor="c0")).view.faults == []
    assert len(shown(told("connected", resumed=True, cursor="c0")).view.faults) == 1
    screen = shown(told("connected", resumed=False, cursor="c0"))
    screen.take(told("connected", resumed=False, cursor="c1"))
    assert screen.view.faults == ["resumed is False with the cursor c0"]


def test_going_back_and_forth_shows_what_was_shown_there() -> None:
    screen = shown(start(), text("ab", 0))
    early = screen.mark()
    for frame in (text("c", 2), complete("abc"), told("message_added", message={"role": "user", "seq": 3}, cursor="x")):
        screen.take(frame)
    late = screen.mark()
    assert early is not None
    assert late is not None
    screen.go_back(early)
    assert (screen.text, screen.cursor, screen.view.shown, screen.view.added) == ("ab", "c0", [], [])
    screen.go_back(late)
    assert (screen.text, screen.cursor, len(screen.view.shown), screen.view.added) == ("", "x", 1, [3])


def test_a_cancelled_answer_counts_where_it_is_stored() -> None:
    message = {"id": "msg_2", "content": "ab"}
    kept = shown(start(), text("ab", 0), told("cancelled", turn_id="turn_1", attempt=1, reason="r", message=message))
    void = shown(start(), text("ab", 0), told("cancelled", turn_id="turn_1", reason="r", message=None))
    assert [each.text for each in kept.view.shown] == ["ab"]
    assert void.view.shown == []


def test_a_resync_voids_what_is_shown_of_the_running_answer() -> None:
    screen = shown(start(), text("ab", 0), told("resync", seq=3), start(), text("abc", 0), complete("abc"))
    assert screen.resyncs == [3]
    assert [each.text for each in screen.view.shown] == ["abc"]
    assert screen.view.faults == []
