"""The gateway without its suffix rule: `complete` is sent without the text that is missing before it."""

from typing import Any

from libs.runtime.service import run
from services.gateway.domain.projection import Projection
from services.gateway.main import build
from services.gateway.settings import Settings

conclude, say = Projection._conclude, Projection._say
concluding = False


def conclude_without(projection: Projection, *what: Any) -> Any:
    """Conclude an answer, and leave out what it would say first."""
    global concluding
    concluding = True
    try:
        return conclude(projection, *what)
    finally:
        concluding = False


def say_unless(projection: Projection, piece: str) -> Any:
    """Say a piece, but not at the end."""
    return [] if concluding else say(projection, piece)


Projection._conclude, Projection._say = conclude_without, say_unless

if __name__ == "__main__":
    run("gateway", Settings, build)
