"""`make gaps` and `make reindex`: what customers miss, and the index built anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from deploy.local.library import library, run
from deploy.local.progress import Progress
from deploy.local.state import Refusal

_MOST_SHOWN = 20
_LOOK_S = 2.0


def gaps(url: str, environ: Mapping[str, str]) -> int:
    """Print the most wanted questions that the documents do not answer; 0. Raises Refusal."""

    async def work() -> int:
        async with library(url, environ) as at:
            rows, total = await at.pages("/api/knowledge/gaps", _MOST_SHOWN)
        if not rows:
            print("Nothing is missing: there is no question that the documents did not answer.")
        for row in rows:
            print("\n".join(gap_lines(row)))
        if total > len(rows):
            print(f"... and {total - len(rows)} more: the page /knowledge shows all")
        return 0

    return run(work)


def gap_lines(row: Mapping[str, Any]) -> list[str]:
    """Give a gap in lines: how often and last when, the question, other wordings, and whether there is a draft."""
    lines = [f"{row['count']:>5} x  {visible(row['question'])}  (last {row['last_asked_at'][:10]})"]
    lines += [f"          also: {visible(example)}" for example in row.get("examples") or ()]
    if draft := row.get("draft"):
        lines.append(f"          an operator answered: {visible(draft)[:200]}")
    return lines


def visible(text: str) -> str:
    """Give a customer's words on one line, without what could move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


def reindex(url: str, environ: Mapping[str, str]) -> int:
    """Build the index anew, by $MODEL where that is set, and show how far it is; 0. Raises Refusal."""
    model = environ.get("MODEL", "").strip()

    async def work() -> int:
        async with library(url, environ) as at:
            state, _ = await at.ask("POST", "/api/knowledge/reindex", json={"model": model} if model else {})
            progress: Progress | None = None
            while building := state["rebuilding"]:
                if building["error"]:
                    raise Refusal(f"the new index cannot be built: {building['error']}; searches use the old one")
                progress = progress or Progress(building["documents"], "documents")
                progress.total = building["documents"]
                progress.show(building["done"], building["model"])
                await asyncio.sleep(_LOOK_S)
                state, _ = await at.ask("GET", "/api/knowledge/index")
        if progress:
            progress.clear()
        print(f"searches use the new index: {state['passages']} passages by {state['model']}")
        return 0

    return run(work)
