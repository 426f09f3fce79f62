"""A knowledge service that finds nothing, at once: what is left of a turn is all but the search itself.

The scripted model asks for passages as every model does, so this measures the system without retrieval while one
round trip over the bus stays in.
"""

from libs.contracts import bus_map
from libs.contracts.context import Context
from libs.contracts.knowledge import Search, SearchResult
from libs.runtime.nats import NatsBus
from libs.runtime.service import Scope, run
from libs.runtime.settings import CommonSettings


async def find_nothing(_request: Search, _ctx: Context) -> SearchResult:
    """Answer a search."""
    return SearchResult(sources=[], method="dense", model="none")


async def build(scope: Scope, settings: CommonSettings) -> None:
    """Wire it."""
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.name))
    scope.check("Message Bus", bus.ping)
    await bus.serve(bus_map.SEARCH, find_nothing)
    await bus.serve(bus_map.KNOWLEDGE_HEALTH, scope.health)


if __name__ == "__main__":
    run("knowledge", CommonSettings, build)
