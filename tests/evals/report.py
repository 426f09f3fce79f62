"""What a part of the evals says: a table to read, and figures that are held to declared thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field


class Options(Struct, frozen=True, kw_only=True):
    """What the runner was asked for.

    Attributes:
        ci: only what is deterministic and quick, with no model and no network.
        faq: the folder of the shared `evals/faq`; None where it is not at hand.
        errors: print the wrong rows too; of our own questions only those of the tuning half.
        runs: how often a stochastic model is asked each thing (the m of "n of m").
    """

    ci: bool = False
    faq: Path | None = None
    errors: bool = False
    runs: int = 1


class Figure(Struct, frozen=True, kw_only=True):
    """One measured number and what it must be.

    Attributes:
        least, most: the declared thresholds, both included; None where the figure is only told.
    """

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it keeps to its thresholds."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def declared(self) -> str:
        """Its thresholds, in words."""
        parts = [f"at least {self.least:.3g}"] if self.least is not None else []
        return " and ".join([*parts, *([f"at most {self.most:.3g}"] if self.most is not None else [])]) or "told only"


class Table(Struct, frozen=True, kw_only=True):
    """Rows under columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Report(Struct, frozen=True, kw_only=True):
    """What one part found."""

    title: str
    figures: list[Figure] = []
    tables: list[Table] = []
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all figures keep to their thresholds."""
        return all(figure.passed for figure in self.figures)

    def text(self) -> str:
        """The report in Markdown."""
        held = [(f.name, f.value, f.declared, "" if f.passed else "FAILED") for f in self.figures]
        tables = [Table(columns=("figure", "measured", "declared", ""), rows=held)] if held else []
        blocks = [f"## {self.title}", *map(markdown, [*tables, *self.tables]), *self.notes]
        return "\n\n".join(blocks)


def markdown(table: Table) -> str:
    """Write a table in Markdown, its columns aligned."""
    cells = [[*map(str, table.columns)], *([_cell(value) for value in row] for row in table.rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(table.columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value).replace("|", "/").replace("\n", " ")
