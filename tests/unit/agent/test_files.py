"""What a file says competes with the help pages, and a file that cannot be read is told."""

from libs.contracts.attachments import AttachmentText
from libs.contracts.session import AttachmentRef, Message
from services.agent.domain import files
from services.agent.domain.extract import compose
from services.agent.domain.prompt import Prompt

from .fakes import NOON, source


def asking(text: str, *ids: str, seq: int = 1) -> Message:
    refs = [AttachmentRef(one, f"{one}.txt", "text/plain", 3) for one in ids]
    return Message(id=f"msg_{seq}", seq=seq, role="user", content=text, timestamp=NOON, attachments=refs)


def text(attachment_id: str, content: str) -> AttachmentText:
    return AttachmentText(
        attachment_id=attachment_id, filename=f"{attachment_id}.txt", content_type="text/plain",
        state="ready" if content else "rejected", text=content,
    )  # fmt: skip


HELP = [source("Standard shipping takes 3 to 5 business days.", title="Shipping", score=0.6)]


def test_ten_words_in_a_file_change_the_answer() -> None:
    questions = [asking("When does my parcel arrive?", "note")]
    reading = files.read([text("note", "Your parcel 77 arrives on Friday between 9 and 11.")], questions)
    passages = files.merged(reading.passages, HELP)
    answer = compose(Prompt(turn_id="t", attempt=1, questions=questions, passages=passages))
    assert "Friday" in answer.text
    assert passages[answer.outcome.used[0] - 1].metadata["title"] == "note.txt"


def test_a_file_about_something_else_does_not_hide_the_help_pages() -> None:
    questions = [asking("How long does shipping take?", seq=3)]
    reading = files.read([text("note", "Minutes of the garden club: tulips, roses, and a new shed.")], questions)
    answer = compose(Prompt(turn_id="t", attempt=1, questions=questions, passages=files.merged(reading.passages, HELP)))
    assert "3 to 5" in answer.text


def test_a_long_file_gives_the_pieces_that_matter() -> None:
    filler = "\n".join(f"Line {number} about nothing in particular, as lines go." for number in range(500))
    questions = [asking("What is the warranty number?", "log")]
    reading = files.read([text("log", f"{filler}\nThe warranty number is W-4711.\n{filler}")], questions)
    assert len(reading.passages) == files.MAX_PASSAGES
    assert "W-4711" in reading.passages[0].content
    assert all(len(passage.content) <= files.MAX_CHARACTERS for passage in reading.passages)


def test_a_file_that_cannot_be_read_is_told() -> None:
    questions = [asking("How long does shipping take?", "scan")]
    reading = files.read([text("scan", "")], questions)
    assert reading.unread == ["scan.txt"]
    answer = compose(Prompt(turn_id="t", attempt=1, questions=questions, passages=HELP, unread=reading.unread))
    assert "3 to 5" in answer.text
    assert "could not read scan.txt" in answer.text


def test_uploads_are_named_once_the_latest_first() -> None:
    assert files.named([asking("a", "one", "two"), asking("b", "two", "three")]) == ["two", "three", "one"]
