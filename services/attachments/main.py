"""The composition root of the attachments service: read it from top to bottom."""

from libs.runtime.nats import NatsBus
from libs.runtime.service import Scope
from services.attachments import routes
from services.attachments.settings import Settings


async def build(scope: Scope, settings: Settings) -> None:
    """Wire the attachments service."""
    bus = await scope.enter("bus", NatsBus.connect(settings.nats_url, scope.name))
    scope.check("Message Bus", bus.ping)
    await routes.serve(bus, scope)
