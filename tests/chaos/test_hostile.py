"""Slow and hostile clients: the good ones get every answer, right and in good time."""

from collections.abc import Callable

from .good import besiege
from .stage import Stage

# However busy the machine is. `make chaos` holds the ratio to the quiet run, 2.
MOST_S = 4.0


async def test_slow_readers_and_floods_take_nothing_from_good_clients(
    stage: Stage, tell: Callable[[object], None]
) -> None:
    before = len(stage.complaints())
    ratio = await besiege(stage.url, good=6, busy=4, flooded=4, quiet_s=2, siege_s=4, warm_s=2, slow=200, flood_rate=0)
    tell(ratio)
    assert max(ratio.besieged) < MOST_S
    assert ratio.did["slow reader"] >= 200
    assert stage.complaints()[before:] == []
