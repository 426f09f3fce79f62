"""`python -m tests.evals.train_escalation`: learn the weights of `services.agent.domain.intents` from the labelled texts.

Softmax regression with L2, fitted in the dual: few texts, many features. It is cross-validated in five folds, whose logits
also give the temperature that makes the probabilities honest. Deterministic; about two minutes. The table of
`escalation.jsonl` is not trained on.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from services.agent.adapters.intent_weights import WEIGHTS
from services.agent.domain.intents import LABELS, OF_CONCEPT, OF_RUN, OF_WORD, REGIONS, ROWS, of_text

from .report import Table, markdown

TEXTS = Path(__file__).with_name("training")
FOLDS = 5
SEED = 5
# How much a wrong text costs against large weights.
COST = 30.0
# Fewer are too few: with 150 the weights were far from where they end, and cross-validation was much worse for it.
STEPS = 400
# Rows that weigh least are left out: what is kept is what a file and a process may take.
KEPT_ROWS = 110_000
_BLOCK = 8192


class Texts(Struct, frozen=True):
    """Labelled texts as vectors of length 1: value of each entry, its row of the table, its text."""

    count: int
    value: np.ndarray
    row: np.ndarray
    text: np.ndarray


def digest() -> str:
    """The hash of all training texts: the weights' file has the one that it was made from."""
    found = hashlib.sha256()
    for path in sorted(TEXTS.glob("*.jsonl")):
        found.update(path.name.encode() + b"\n" + path.read_bytes())
    return found.hexdigest()


def rows() -> list[dict[str, str]]:
    """All labelled texts."""
    lines = [line for path in sorted(TEXTS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.strip()]


def vectors(texts: Sequence[str]) -> Texts:
    values: list[np.ndarray] = []
    found: list[np.ndarray] = []
    for text in texts:
        said = of_text(text)
        numbers = np.array([*said.words, *said.runs, *said.concepts], dtype=np.int64)
        weights = np.repeat([OF_WORD, OF_RUN, OF_CONCEPT], [len(said.words), len(said.runs), len(said.concepts)])
        found.append(numbers)
        values.append(weights / said.norm)
    sizes = [len(each) for each in found]
    return Texts(
        len(texts),
        np.concatenate(values).astype(np.float32),
        np.concatenate(found),
        np.repeat(np.arange(len(texts)), sizes),
    )


def products(texts: Texts) -> np.ndarray:
    """The inner products of all texts with each other, block by block of rows that two texts or more have."""
    numbers, place = np.unique(texts.row, return_inverse=True)
    order = np.argsort(place, kind="stable")
    place, text, value = place[order], texts.text[order], texts.value[order]
    found = np.zeros((texts.count, texts.count), np.float32)
    for begin in range(0, len(numbers), _BLOCK):
        low, high = np.searchsorted(place, [begin, begin + _BLOCK])
        block = np.zeros((texts.count, _BLOCK), np.float32)
        np.add.at(block, (text[low:high], place[low:high] - begin), value[low:high])
        found += block @ block.T
    return found


def probabilities(logits: np.ndarray) -> np.ndarray:
    parts = np.exp(logits - logits.max(1, keepdims=True))
    return parts / parts.sum(1, keepdims=True)


def fitted(inner: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each text's weight for each label (Nesterov's accelerated gradient): what a label's row weighs is their sum."""
    wanted = np.eye(len(LABELS), dtype=np.float32)[labels]
    pace = 1.0 / (1.0 + 0.5 * COST * _largest(inner))
    found = np.zeros_like(wanted)
    ahead, speed = found, 1.0
    for _ in range(STEPS):
        # Plain floats leave arrays of single precision single: numpy's own would double all products.
        step = ahead - pace * (ahead - COST * (wanted - probabilities(inner @ ahead)))
        faster = (1 + math.sqrt(1 + 4 * speed * speed)) / 2
        ahead = step + (speed - 1) / faster * (step - found)
        found, speed = step, faster
    return found


def _largest(inner: np.ndarray) -> float:
    """The largest eigenvalue, by powers."""
    vector, size = np.ones(len(inner), np.float32), 1.0
    for _ in range(20):
        vector = inner @ vector
        size = float(np.linalg.norm(vector))
        vector /= size
    return size


def crossed(inner: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each text's logits from the four folds that it is not in."""
    fold = np.random.default_rng(SEED).permutation(len(labels)) % FOLDS
    logits = np.zeros((len(labels), len(LABELS)))
    for each in range(FOLDS):
        rest, held = np.flatnonzero(fold != each), np.flatnonzero(fold == each)
        logits[held] = inner[np.ix_(held, rest)] @ fitted(inner[np.ix_(rest, rest)], labels[rest])
    return logits


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Give what logits are divided by so that the probabilities are as likely as they say."""

    def surprise(heat: float) -> float:
        chosen = probabilities(logits / heat)[np.arange(len(labels)), labels]
        return float(-np.log(chosen + 1e-9).mean())

    return min((float(heat) for heat in np.arange(0.4, 3.0, 0.02)), key=surprise)


def told(chances: np.ndarray, labels: np.ndarray, languages: Sequence[str]) -> str:
    """Write the cross-validated figures down."""
    best = chances.argmax(1)

    def line(name: str, wanted: np.ndarray, given: np.ndarray) -> tuple[object, ...]:
        hits = float((wanted & given).sum())
        return name, int(wanted.sum()), hits / max(1, given.sum()), hits / max(1, wanted.sum())

    def person(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wanted = (labels > 0) & (labels < len(LABELS) - 1)
        return wanted & kept, (chances[:, 1:-1].sum(1) >= 0.5) & kept

    everyone = np.ones(len(labels), bool)
    by_label = [line(label, labels == each, best == each) for each, label in enumerate(LABELS)]
    spoken = np.array(languages)
    by_language = [line(name, *person(spoken == name)) for name in sorted(set(languages))]
    table = [*by_label, line("a person at once", *person(everyone)), *by_language]
    return markdown(Table(columns=("five folds", "texts", "precision", "recall"), rows=table))


def packed(numbers: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode()


def written(texts: Texts, duals: np.ndarray, heat: float) -> dict[str, object]:
    """Make the file: the rows that weigh most, in signed bytes."""
    table = np.stack(
        [
            np.bincount(texts.row, weights=texts.value * duals[texts.text, each], minlength=ROWS)
            for each in range(len(LABELS))
        ],
        axis=1,
    )
    # At run time rows are only added up: how much one of each counts is in its weight.
    table *= np.repeat([OF_WORD, OF_RUN, OF_CONCEPT], REGIONS)[:, None] / heat
    size = np.abs(table).max(1)
    kept = np.sort(np.argsort(-size, kind="stable")[:KEPT_ROWS])
    kept = kept[size[kept] > 0]
    scale = float(np.quantile(size[kept], 0.9995)) / 127
    values = np.clip(np.rint(table[kept] / scale), -127, 127).astype(np.int8)
    telling = values.any(1)
    kept, values = kept[telling], values[telling]
    return {
        "about": "Weights of services.agent.domain.intents; made by: python -m tests.evals.train_escalation",
        "texts": digest(),
        "labels": LABELS,
        "table": ROWS,
        "scale": scale,
        "bias": [round(float(bias), 6) for bias in duals.sum(0) / heat],
        "rows": packed(np.diff(kept, prepend=0).astype("<u4")),
        "weights": packed(values),
    }


def learn(say: Callable[[str], object], *, crossing: bool = True) -> dict[str, object]:
    """Learn from all texts; with no folds the temperature is 1."""
    given = rows()
    labels = np.array([LABELS.index(row["label"]) for row in given])
    texts = vectors([row["text"] for row in given])
    # 1 more for a feature that all texts have: the bias.
    inner = products(texts) + 1.0
    heat = 1.0
    if crossing:
        logits = crossed(inner, labels)
        heat = temperature(logits, labels)
        say(told(probabilities(logits / heat), labels, [row["language"] for row in given]))
        say(f"temperature {heat:.2f}, {len(given)} texts")
    return written(texts, fitted(inner, labels), heat)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.evals.train_escalation", description=__doc__)
    parser.add_argument("--to", type=Path, default=WEIGHTS, help="where to write the weights")
    asked = parser.parse_args()
    made = learn(print)
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text(json.dumps(made, indent=0) + "\n", encoding="utf-8")
    print(f"{asked.to}: {asked.to.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
