"""The AsyncAPI document: the frames that travel over the WebSocket."""

from typing import Any

from ...domain.limits import Limits
from .document import CLIENT_FRAMES, SERVER_FRAMES
from .schemas import bounds, components, schema_of


def frames_document(version: str, limits: Limits) -> dict[str, Any]:
    """Give the AsyncAPI document."""
    kinds = [*CLIENT_FRAMES, *SERVER_FRAMES]
    names = {kind: kind.__name__ for kind in kinds}
    channel = {"$ref": "#/channels/conversation"}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Deskbus", "version": version, "description": "A conversation over a WebSocket."},
        "channels": {
            "conversation": {
                "address": "/ws",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names.values()},
                "bindings": {"ws": {"method": "GET", "query": _QUERY}},
            }
        },
        "operations": {
            "hear": {
                "action": "receive",
                "channel": channel,
                "messages": [_in_channel(each) for each in CLIENT_FRAMES],
            },
            "tell": {"action": "send", "channel": channel, "messages": [_in_channel(each) for each in SERVER_FRAMES]},
        },
        "components": {
            "schemas": components(CLIENT_FRAMES, SERVER_FRAMES, bounds(limits)),
            "messages": {
                name: {
                    "name": kind.__struct_config__.tag,
                    "contentType": "application/json",
                    "payload": schema_of(kind),
                }
                for kind, name in names.items()
            },
        },
    }


_QUERY = {
    "type": "object",
    "required": ["session_id"],
    "properties": {
        "session_id": {"type": "string"},
        "cursor": {"type": "string", "description": "The last one seen: what came after it is shown"},
        "operator": {"type": "string", "description": "The name of the operator who connects, with the admin token"},
    },
}


def _in_channel(kind: type) -> dict[str, str]:
    return {"$ref": f"#/channels/conversation/messages/{kind.__name__}"}
