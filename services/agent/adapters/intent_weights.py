"""The classifier's weights as a file beside the code: versioned, and read once at the start.

JSON, written by `tests/evals/train_escalation.py`: `labels`, `rows` (the numbers of the rows that weigh something) and `weights`
(for each of them a signed byte for each label), both zlib in base64; `rows` are 32 bit, little-endian, each less the one before it.
"""

import base64
import json
import zlib
from array import array
from itertools import accumulate
from pathlib import Path
from typing import Any

from services.agent.domain.intents import LABELS, ROWS, Intents, Weights

WEIGHTS = Path(__file__).parents[1] / "intents" / "intents.v1.json"


def read_intents(path: Path = WEIGHTS) -> Intents:
    """Give the classifier.

    Raises:
        OSError: there are no weights.
        ValueError: they are for other labels or another table.
    """
    return Intents(read_weights(json.loads(path.read_text(encoding="utf-8"))))


def read_weights(told: dict[str, Any]) -> Weights:
    """Give the weights that a file tells.

    Raises:
        ValueError: they are for other labels or another table.
    """
    if tuple(told["labels"]) != LABELS or told["table"] != ROWS:
        raise ValueError("the weights are not for these labels and this table: train them again")
    steps = _bytes(told["rows"])
    rows = accumulate(int.from_bytes(steps[at : at + 4], "little") for at in range(0, len(steps), 4))
    values, width = array("b", _bytes(told["weights"])), len(LABELS)
    return Weights(
        rows={row: values[place * width : (place + 1) * width] for place, row in enumerate(rows)},
        scale=told["scale"],
        bias=told["bias"],
    )


def _bytes(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
