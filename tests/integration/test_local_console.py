"""What the terminal shows of a conversation and of events."""

from __future__ import annotations

import pytest

from deploy.local import environment
from deploy.local.events import line
from deploy.local.paper import Paper

MESSAGE = {
    "content": "Thirty days.\nUnused. [1]",
    "sources": [{"metadata": {"title": "Refunds", "source": "help/refunds"}, "relevance_score": 0.744}],
}


def shown(capsys: pytest.CaptureFixture[str], pieces: list[tuple[str, int, int]]) -> str:
    paper = Paper()
    for content, offset, attempt in pieces:
        paper.text(content, offset, attempt)
    paper.answer(MESSAGE, 0.9, 0.02)
    return capsys.readouterr().out


END = "  [1] Refunds  help/refunds  0.74\n  confidence 0.90, 0.02 s\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [("Thirty days.\n", 0, 1), ("Unused. [1]", 13, 1)],
        [("Thirty days.", 0, 1), ("Thirty days.\nUnused.", 0, 1)],  # sent again after a reconnect
        [("Thirty", 0, 1), ("lost before this", 20, 1)],
    ],
    ids=["no frames", "all", "overlapping", "one is missing"],
)
def test_the_answer_is_shown_whole_whatever_arrived(
    capsys: pytest.CaptureFixture[str], pieces: list[tuple[str, int, int]]
):
    assert shown(capsys, pieces) == MESSAGE["content"] + "\n" + END


def test_another_attempt_begins_anew(capsys: pytest.CaptureFixture[str]):
    out = shown(capsys, [("Thirteen", 0, 1), ("Thirty days.", 0, 2)])
    assert out == "Thirteen\n(the answer begins anew)\n" + MESSAGE["content"] + "\n" + END


def test_a_corrected_answer_is_shown_again(capsys: pytest.CaptureFixture[str]):
    assert shown(capsys, [("Thirteen", 0, 1)]) == "Thirteen\n(the whole answer)\n" + MESSAGE["content"] + "\n" + END


def test_one_line_per_event():
    headers = {"ce-time": "2026-11-20T12:55:03.342118Z", "ce-evseq": "7"}
    text = line("desk.evt.session.message_added.v1.default.sess_1", headers, b'{"seq":1}')
    assert text.split() == ["12:55:03.342", "sess_1", "7", "session.message_added.v1", '{"seq":1}']
    assert "else" in line("something.else", {}, b"\xff")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("/usr/bin/python3: No module named pip", "has no pip"),
        ("error sending request for url (x)", "cannot be reached"),
        ("ERROR: No matching distribution found for uv==1", "cannot be reached"),
        ("invalid peer certificate: UnknownIssuer\nerror sending request", "certificate"),
        ("No space left on device (os error 28)", "disk is full"),
        ("something else", "it failed"),
    ],
)
def test_a_set_up_that_fails_says_why(output: str, words: str):
    assert words in environment.reason("it", output)
