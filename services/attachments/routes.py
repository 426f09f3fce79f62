"""What the attachments service answers and handles: channel -> use case."""

from libs.contracts import bus_map
from libs.runtime.consumer import EventConsumer
from libs.runtime.nats import NatsBus
from libs.runtime.service import Scope

from .app.uploads import Uploads


async def serve(bus: NatsBus, uploads: Uploads, scope: Scope) -> None:
    """Answer the service's channels, and handle the events of conversations."""
    await bus.serve(bus_map.REGISTER_ATTACHMENT, uploads.register)
    await bus.serve(bus_map.DESCRIBE_ATTACHMENTS, uploads.describe)
    await bus.serve(bus_map.RESOLVE_ATTACHMENTS, uploads.resolve)
    await bus.serve(bus_map.DISCARD_ATTACHMENTS, uploads.discard)
    await bus.serve(bus_map.ATTACHMENT_TEXTS, uploads.texts)
    await bus.serve(bus_map.ATTACHMENTS_HEALTH, scope.health)
    await bus.serve(bus_map.ATTACHMENTS_METRICS, scope.metrics)

    added = EventConsumer(bus, "attachments", bus_map.MESSAGE_ADDED, uploads.message_added)
    deleted = EventConsumer(bus, "attachments", bus_map.SESSION_DELETED, uploads.session_deleted)
    scope.spawn("message_added", added.run)
    scope.spawn("session_deleted", deleted.run)
