"""`make ingest`: the files of a folder become documents, and what became of each is told."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import aiohttp

from deploy.local.documents import File, batches, find
from deploy.local.library import Library, Told, library, run
from deploy.local.progress import Progress
from deploy.local.state import Refusal

_DOCUMENTS = "/api/knowledge/documents"
_PENDING = ("queued", "indexing")
_LOOK_S = 3.0  # two requests each: well below what a client may ask in a minute


class Ingestion:
    """Files on their way to being found.

    Attributes:
        outcomes: how many were added, replaced, unchanged.
        refused: which were not taken, and why.
        pending: sources and outcomes of documents that are still being read, by their ids.
    """

    def __init__(self, at: Library, files: Sequence[File], metadata: Mapping[str, Any]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refused: list[tuple[str, str]] = []
        self.pending: dict[str, tuple[str, str]] = {}
        self._at = at
        self._files = files
        self._metadata = json.dumps(metadata) if metadata else ""
        self._progress = Progress(len(files), "files")

    async def run(self) -> None:
        """Send all, and wait until all are read. Raises Refusal."""
        for batch in batches(self._files):
            self._show(batch[0].source)
            await self._send(batch)
        self._show("")
        await self._settle()
        self._progress.clear()

    def _show(self, words: str) -> None:
        self._progress.show(self.outcomes.total() + len(self.refused), words)

    async def _send(self, given: Sequence[File]) -> None:
        batch = [file for file in given if self._is_readable(file)]
        if not batch:
            return
        with ExitStack() as opened:
            try:
                told, _ = await self._at.ask("POST", _DOCUMENTS, form=lambda: self._form(batch, opened))
            except Told as fault:
                if len(batch) == 1:
                    self._refuse(batch[0], fault.detail)
                else:  # the request as a whole: one of them is at fault
                    await self._each(batch)
                return
        answers = [told] if len(batch) == 1 else told["documents"]
        for file, answer in zip(batch, answers, strict=True):
            self._note(file, answer)

    def _is_readable(self, file: File) -> bool:
        try:
            with file.path.open("rb"):
                return True
        except OSError as error:
            self._refuse(file, f"the file cannot be opened: {error.strerror}")
            return False

    async def _each(self, batch: Sequence[File]) -> None:
        for file in batch:
            await self._send([file])

    def _form(self, batch: Sequence[File], opened: ExitStack) -> aiohttp.FormData:
        form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
        for file in batch:
            form.add_field("document_id", file.document_id)
            form.add_field("source", file.source)
        if self._metadata:
            form.add_field("metadata", self._metadata)
        for file in batch:
            name = "".join(char for char in file.path.name if char.isprintable() and char not in '"\\') or "file"
            content = opened.enter_context(file.path.open("rb"))
            form.add_field("files", content, filename=name, content_type="application/octet-stream")
        return form

    def _note(self, file: File, answer: Mapping[str, Any]) -> None:
        if error := answer.get("error"):
            self._refuse(file, str(error["detail"]))
        elif answer["document"]["state"] in _PENDING:
            self.pending[answer["document"]["document_id"]] = file.source, answer["outcome"]
        else:
            self.outcomes[answer["outcome"]] += 1

    def _refuse(self, file: File, why: str) -> None:
        self.refused.append((file.source, why))
        self._progress.line(f"  refused: {file.source}: {why}")

    async def _settle(self) -> None:
        """Wait until nothing is read any more, then ask which could not be."""
        while self.pending:
            waiting, known = await self._waiting()
            if known:
                done = [each for each in self.pending if each not in waiting]
                rejected = await self._rejected() if done else {}
                for document_id in done:
                    source, outcome = self.pending.pop(document_id)
                    if document_id in rejected:
                        self.refused.append((source, rejected[document_id]))
                        self._progress.line(f"  refused: {source}: {rejected[document_id]}")
                    else:
                        self.outcomes[outcome] += 1
                self._show("being read")
            if self.pending:
                await asyncio.sleep(_LOOK_S)

    async def _waiting(self) -> tuple[set[str], bool]:
        """Give which documents are still being read, and whether these are all; in the order in which they go on."""
        found: set[str] = set()
        known = True
        for state in _PENDING:
            rows, total = await self._at.pages(f"{_DOCUMENTS}?state={state}", 500)
            found |= {row["document_id"] for row in rows}
            known = known and len(rows) >= total
        return found, known

    async def _rejected(self) -> dict[str, str]:
        rows, _ = await self._at.pages(f"{_DOCUMENTS}?state=rejected", 10_000)
        return {row["document_id"]: row["error"] or "it cannot be read" for row in rows}


def ingest(url: str, environ: Mapping[str, str]) -> int:
    """Make documents of the files at $INGEST_PATH; 0, or 1 where one was refused. Raises Refusal."""
    given = environ.get("INGEST_PATH", "")
    if not given.strip():
        raise Refusal("which files? make ingest PATH=folder-or-file")
    options = _options(environ)
    found = find(_placed(given, environ), options.prefix)
    for source, why in found.refused:
        print(f"  refused: {source}: {why}", flush=True)
    if options.dry_run:
        for file in found.files:
            print(f"  {file.source}  {file.document_id}")
        return 1 if found.refused else 0
    begun = time.monotonic()

    async def work() -> int:
        async with library(url, environ) as at:
            ingestion = Ingestion(at, found.files, options.metadata)
            await ingestion.run()
        refused = [*found.refused, *ingestion.refused]
        print(summary(ingestion.outcomes, refused, found.hidden, time.monotonic() - begun))
        return 1 if refused else 0

    return run(work)


def summary(outcomes: Counter[str], refused: Sequence[tuple[str, str]], hidden: int, seconds: float) -> str:
    """Say what became of all."""
    parts = [f"{outcomes[name]} {name}" for name in ("added", "replaced", "unchanged")]
    total = outcomes.total() + len(refused)
    head = f"{total} {'file' if total == 1 else 'files'} in {seconds:.1f} s: {', '.join(parts)}, {len(refused)} refused"
    left_out = f"; {hidden} hidden left out" if hidden else ""
    return "\n".join([head + left_out, *(f"  refused: {source}: {why}" for source, why in refused)])


def _placed(given: str, environ: Mapping[str, str]) -> Path:
    """Give the path as whoever asks sees it: they may be in another folder than make, which goes to the project's."""
    path = Path(given).expanduser()
    return path if path.is_absolute() else Path(environ.get("STARTED_IN") or ".") / path


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(f"ARGS: {message}")


def _options(environ: Mapping[str, str]) -> argparse.Namespace:
    parser = _Parser(prog="make ingest PATH=...", add_help=False)
    parser.add_argument("--prefix", default="", help="before each source, such as handbook/")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="KEY=VALUE", help="what each document carries"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say which files there are")
    try:
        options = parser.parse_args(shlex.split(environ.get("ARGS", "")))
    except ValueError as fault:
        raise Refusal(f"ARGS={environ['ARGS']}: {fault}") from fault
    pairs = [str(pair).partition("=") for pair in options.metadata]
    if any(not name or not equals for name, equals, _ in pairs):
        raise Refusal("ARGS: --metadata wants KEY=VALUE")
    options.metadata = {name: value for name, _, value in pairs}
    return options
