"""`make ingest`, `make gaps` and `make reindex`, over a gateway whose knowledge service is in memory; and how make is asked."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from deploy.local import upkeep
from deploy.local.documents import BATCH_BYTES, BATCH_FILES, File, batches, file_id, find
from deploy.local.ingest import ingest, summary
from deploy.local.progress import Progress
from deploy.local.state import ROOT, Refusal
from libs.contracts.documents import Document, DocumentPage, DocumentPut, IndexState, Rebuilding
from libs.contracts.errors import Unavailable
from libs.contracts.knowledge import Gap, GapPage
from libs.runtime.ids import mint
from services.gateway.domain.rates import Rate
from tests.unit.gateway.edge import Gateway, gateway
from tests.unit.gateway.fakes import NOW

NO_FILES = Counter[str]()


class Shelf:
    """A knowledge service that takes documents as the real one does, by id and content."""

    def __init__(self, desk: Gateway) -> None:
        self.rows: dict[str, Document] = {}
        self.held: dict[str, str | None] = {}
        self.slow = False
        self.asked = 0
        desk.desk.answers.update({"put_document": self._put, "list_documents": self._list})

    def _put(self, asked: Any, _: str) -> DocumentPut:
        self.asked += 1
        before = self.rows.get(asked.document_id)
        if self.held.get(asked.document_id) == asked.sha256 and before:
            return DocumentPut(before, "unchanged")
        state = "queued" if self.slow else "rejected" if asked.name.startswith("broken") else "ready"
        row = Document(
            document_id=asked.document_id, title=asked.name, source=asked.source, metadata=asked.metadata, version=1,
            newest_version=1, state=state, error="The file is damaged" if state == "rejected" else None, created_at=NOW,
            updated_at=NOW,
        )  # fmt: skip
        self.rows[asked.document_id], self.held[asked.document_id] = row, asked.sha256
        return DocumentPut(row, "replaced" if before else "added")

    def _list(self, asked: Any, _: str) -> DocumentPage:
        rows = [row for row in self.rows.values() if row.state == asked.state]
        page = DocumentPage(rows[asked.offset : asked.offset + asked.limit], len(rows))
        if self.slow and asked.state == "indexing":  # the next look finds all of them read
            for row in list(self.rows.values()):
                broken = row.title.startswith("broken")
                self.rows[row.document_id] = structs.replace(
                    row, state="rejected" if broken else "ready", error="The file is damaged" if broken else None
                )
        return page


def folder(at: Path, **files: str) -> Path:
    for name, text in files.items():
        path = at / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return at


async def told(desk: Gateway, work: Any, **environ: str) -> int:
    """Run a command in a thread, as its own process would be."""
    url = str(desk.client.make_url("")).rstrip("/")
    return await asyncio.to_thread(work, url, environ)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a command has said; the gateway's log goes the same way."""
    return [line for line in capsys.readouterr().out.splitlines() if "[info " not in line and "[warning " not in line]


# --- ingest


async def test_a_folder_s_files_become_documents_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"returns.md": "# Returns", "faq__de__Rückgabe.md": "# Rückgabe", ".git__config": "x", "faq__.hidden": "x",
             "broken.pdf": "%PDF-", "logo.png": "x"}  # fmt: skip
    folder(tmp_path, **files)
    async with gateway() as desk:
        shelf = Shelf(desk)
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path)) == 1
        out = capsys.readouterr().out
        assert "4 files in" in out
        assert "2 added, 0 replaced, 0 unchanged, 2 refused; 2 hidden left out" in out
        assert "refused: broken.pdf: The file is damaged" in out
        assert "refused: logo.png: files of the type .png cannot be read" in out
        assert {row.source for row in shelf.rows.values()} == {"returns.md", "faq/de/Rückgabe.md", "broken.pdf"}
        assert set(desk.documents.kept.values()) == {b"# Returns", "# Rückgabe".encode(), b"%PDF-"}
        (tmp_path / "broken.pdf").unlink()
        (tmp_path / "logo.png").unlink()
        (tmp_path / "returns.md").write_text("# Returns 2")
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path)) == 0
        assert "2 files in" in (out := capsys.readouterr().out)
        assert "0 added, 1 replaced, 1 unchanged, 0 refused" in out


async def test_one_file_with_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, **{"it's $5.md": "# Five"})
    async with gateway() as desk:
        shelf = Shelf(desk)
        args = "--prefix handbook/ --metadata category=faq --metadata 'team=first line'"
        asked = {"INGEST_PATH": "it's $5.md", "STARTED_IN": str(tmp_path), "ARGS": args}
        assert await told(desk, ingest, **asked, DESKBUS_ADMIN_TOKEN="any") == 0
        (row,) = shelf.rows.values()
        assert (row.source, row.title) == ("handbook/it's $5.md", "it's $5.md")
        assert row.metadata == {"category": "faq", "team": "first line"}
        assert row.document_id == file_id("handbook/it's $5.md")
        assert await told(desk, ingest, **{**asked, "ARGS": "--dry-run"}) == 0
        assert file_id("it's $5.md") in capsys.readouterr().out
        assert shelf.asked == 1


async def test_what_is_still_being_read_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, **{"a.md": "a", "broken.md": "b"})
    async with gateway() as desk:
        Shelf(desk).slow = True
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path)) == 1
        out = capsys.readouterr().out
        assert "1 added, 0 replaced, 0 unchanged, 1 refused" in out
        assert "refused: broken.md: The file is damaged" in out


async def test_a_file_over_the_limit_concerns_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, **{"a.md": "a" * 1000, "b.md": "b" * 1001, "c.md": "c"})
    async with gateway(document_bytes=1000) as desk:
        shelf = Shelf(desk)
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path)) == 1
        out = capsys.readouterr().out
        assert "2 added, 0 replaced, 0 unchanged, 1 refused" in out
        assert "refused: b.md: A document's file may have at most" in out
        assert len(desk.documents.kept) == len(shelf.rows) == 2


async def test_a_gateway_that_wants_less_at_once_is_obeyed(tmp_path: Path) -> None:
    folder(tmp_path, **{f"{number}.md": str(number) for number in range(BATCH_FILES + 1)})
    async with gateway(request_rate=Rate(1, 1)) as desk:
        shelf = Shelf(desk)
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path)) == 0
        assert len(shelf.rows) == BATCH_FILES + 1


async def test_a_missing_token_is_told(tmp_path: Path) -> None:
    folder(tmp_path, **{"a.md": "a"})
    async with gateway(admin_token="s3cret") as desk:
        Shelf(desk)
        for work in (ingest, upkeep.gaps, upkeep.reindex):
            with pytest.raises(Refusal, match="DESKBUS_ADMIN_TOKEN"):
                await told(desk, work, INGEST_PATH=str(tmp_path))
        assert await told(desk, ingest, INGEST_PATH=str(tmp_path), DESKBUS_ADMIN_TOKEN="s3cret") == 0


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "which files"), ({"INGEST_PATH": " "}, "which files"), ({"INGEST_PATH": "/nowhere/at/all"}, "there is no"),
        ({"INGEST_PATH": "{empty}"}, "there are no files"), ({"INGEST_PATH": "{empty}", "ARGS": "--what"}, "ARGS"),
        ({"INGEST_PATH": "{empty}", "ARGS": "'"}, "ARGS"), ({"INGEST_PATH": "{empty}", "ARGS": "--metadata x"}, "KEY=VALUE"),
    ],
    ids=["none", "blank", "not there", "empty", "unknown option", "quotes", "no pair"],
)  # fmt: skip
def test_what_cannot_be_ingested_is_told(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=words):
        ingest("http://127.0.0.1:1", {name: value.format(empty=tmp_path) for name, value in environ.items()})


def test_a_gateway_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder(tmp_path, **{"a.md": "a"})
    with pytest.raises(Refusal, match="Deskbus does not answer"):
        ingest("http://127.0.0.1:1", {"INGEST_PATH": str(tmp_path)})


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    folder(tmp_path, **{"a.md": "a", "deep__b": "b"})
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.md").symlink_to(tmp_path / "nothing")
    found = find(tmp_path)
    assert [file.source for file in found.files] == ["a.md", "deep/b"]
    assert found.refused == [("dead.md", "it is no file")]


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ([1] * BATCH_FILES, [BATCH_FILES]), ([1] * (BATCH_FILES + 1), [BATCH_FILES, 1]),
        ([BATCH_BYTES - 1, 1], [2]), ([BATCH_BYTES, 1], [1, 1]), ([1, BATCH_BYTES * 2, 1], [1, 1, 1]), ([], []),
    ],
    ids=["full", "one more", "bytes fit", "bytes do not", "large", "none"],
)  # fmt: skip
def test_files_go_a_few_at_a_time(sizes: list[int], counts: list[int]) -> None:
    assert [len(batch) for batch in batches(File(Path("x"), "x", size) for size in sizes)] == counts


def test_an_id_is_of_the_path_whatever_its_form() -> None:
    assert file_id("Returns & Refunds.md") == "file-returns-refunds-md-adfe2892da661324"
    assert file_id("R\u00fcckgabe.md") == file_id("Ru\u0308ckgabe.md")
    assert len({file_id(name) for name in ("a/b.md", "a-b.md", "a b.md", "A/b.md")}) == 4
    assert len(file_id("x" * 500)) == 5 + 60 + 1 + 16


def test_progress_is_a_line_now_and_then_where_nothing_moves() -> None:
    stream = StringIO()
    progress = Progress(3, "files", stream)
    for done in range(4):
        progress.show(done, "name")
    progress.line("refused")
    progress.clear()
    assert stream.getvalue() == "  0 of 3 files\n  3 of 3 files\nrefused\n"


def test_progress_is_one_line_in_a_terminal() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    Progress(4, "files", stream).show(2, "a\x1b[2Jb.md")
    assert "████████████░░░░░░░░░░░░ 2/4 files  a?[2Jb.md" in stream.getvalue()
    assert stream.getvalue().startswith("\r")
    assert "\n" not in stream.getvalue()


def test_the_summary_of_nothing_and_of_one() -> None:
    assert summary(NO_FILES, [("a", "why")], 0, 1) == (
        "1 file in 1.0 s: 0 added, 0 replaced, 0 unchanged, 1 refused\n  refused: a: why"
    )


# --- gaps and the index


async def test_the_most_wanted_gaps_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        Gap(gap_id=mint("gap"), question=f"Question\x1b[2J {number}?", count=30 - number, first_asked_at=NOW,
            last_asked_at=NOW, examples=["other words"], draft="Yes." if number == 0 else None)
        for number in range(25)
    ]  # fmt: skip
    async with gateway() as desk:
        desk.desk.answers["list_gaps"] = lambda each, _: GapPage(
            rows[each.offset : each.offset + each.limit], len(rows)
        )
        assert await told(desk, upkeep.gaps) == 0
        out = printed(capsys)
        assert out[:3] == [
            "   30 x  Question?[2J 0?  (last 2026-05-04)", "          also: other words", "          an operator answered: Yes.",
        ]  # fmt: skip
        assert out[-1] == "... and 5 more: the page /knowledge shows all"
        rows.clear()
        assert await told(desk, upkeep.gaps) == 0
        assert "Nothing is missing" in capsys.readouterr().out


async def test_a_reindex_is_followed_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    ready = IndexState(engine="embedded", model="other", dimension=3, origin="packaged", passages=9, vectors=9)
    building = Rebuilding(model="other", dimension=3, done=0, documents=2, started_at=NOW)
    states = [structs.replace(ready, rebuilding=structs.replace(building, done=1)), ready]
    asked: list[Any] = []
    async with gateway() as desk:
        desk.desk.answers["reindex"] = lambda each, _: (
            asked.append(each.model),
            structs.replace(ready, rebuilding=building),
        )[1]
        desk.desk.answers["index_state"] = lambda _, __: states.pop(0)
        assert await told(desk, upkeep.reindex, MODEL=" other ") == 0
        assert asked == ["other"]
        assert printed(capsys) == [
            "  0 of 2 documents", "  1 of 2 documents", "searches use the new index: 9 passages by other",
        ]  # fmt: skip
        failed = structs.replace(ready, rebuilding=structs.replace(building, error="no memory"))
        desk.desk.answers["reindex"] = lambda _, __: failed
        with pytest.raises(Refusal, match="no memory"):
            await told(desk, upkeep.reindex)


async def test_a_service_that_stays_away_is_told() -> None:
    async with gateway() as desk:
        desk.desk.faults["list_gaps"] = Unavailable("knowledge_unavailable", "The knowledge service is away")
        with pytest.raises(Refusal, match="The knowledge service is away"):
            await told(desk, upkeep.gaps)


# --- make


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose commands only say how they were asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$*" "path=$PATH" "at=$INGEST_PATH" "from=$STARTED_IN" "model=$MODEL" "args=$ARGS"\n'
        "command -v ls > /dev/null || echo lost\n"
    )
    python.chmod(0o755)
    return tmp_path


def make(project: Path, *words: str) -> list[str]:
    environ = {**os.environ, "PWD": "/from/here"}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environ.pop(name, None)
    command = [shutil.which("make") or "make", "-s", "-C", str(project), *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("given", ["help", "/tmp/a folder", "it's $5 & $(HOME)", "."])
def test_make_ingest_keeps_the_shell_s_search_path(project: Path, given: str) -> None:
    assert make(project, "ingest", f"PATH={given}", "ARGS=--dry-run") == [
        "-m deploy.local ingest", f"path={os.environ['PATH']}", f"at={given}", "from=/from/here", "model=", "args=--dry-run",
    ]  # fmt: skip


def test_the_other_targets_are_asked_as_ever(project: Path) -> None:
    usual = [f"path={os.environ['PATH']}", "at=", "from=/from/here"]
    assert make(project, "ingest")[:4] == ["-m deploy.local ingest", *usual]
    assert make(project, "gaps")[:4] == ["-m deploy.local gaps", *usual]
    assert make(project, "reindex", "MODEL=some/model") == [
        "-m deploy.local reindex",
        *usual,
        "model=some/model",
        "args=",
    ]


def test_the_list_of_targets_names_them(project: Path) -> None:
    listed = "\n".join(make(project, "help"))
    for target in ("ingest", "gaps", "reindex", "evals-retrieval"):
        assert f"  make {target} " in listed
