"""`python -m tests.evals [parts] [--ci]`: measure the quality of answers and judgements, and print tables.

A part is a module of this package with `async def run(options: Options) -> Report`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
import time
from pathlib import Path

from .report import Options

PARTS = ("grounding", "abstention", "escalation", "injection")


def main() -> int:
    """Entry point; 1 where a figure does not keep to its declared threshold."""
    asked = _parser().parse_args()
    options = Options(ci=asked.ci, faq=asked.faq, errors=asked.errors, runs=asked.runs)
    failed: list[str] = []
    for part in asked.parts or PARTS:
        begun = time.monotonic()
        report = asyncio.run(importlib.import_module(f"tests.evals.{part}").run(options))
        print(f"{report.text()}\n\n({time.monotonic() - begun:.1f} s)\n")
        failed += [f"{part}: {figure.name}" for figure in report.figures if not figure.passed]
    print("\n".join(["Not as declared:", *failed]) if failed else "All figures are as declared.")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.evals", description=__doc__)
    parser.add_argument("parts", nargs="*", type=_part, help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--ci", action="store_true", help="only what is deterministic and quick")
    parser.add_argument("--errors", action="store_true", help="print wrong rows too (of the tuning half)")
    parser.add_argument("--runs", type=int, default=1, help="how often to ask a stochastic model (default: 1)")
    parser.add_argument(
        "--faq", type=_folder, default=_faq(), help="the folder of the shared evals/faq (default: DESKBUS_EVALS_FAQ)"
    )
    return parser


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"there is no part {text!r}: {', '.join(PARTS)}")
    return text


def _faq() -> Path | None:
    named = os.environ.get("DESKBUS_EVALS_FAQ")
    return _folder(named) if named else None


def _folder(text: str) -> Path:
    folder = Path(text)
    if not (folder / "queries.jsonl").is_file():
        raise argparse.ArgumentTypeError(f"there is no queries.jsonl in {folder}")
    return folder


if __name__ == "__main__":
    sys.exit(main())
