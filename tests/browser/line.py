"""Stands on the line between the page and the server."""

import json
import re

from .driver import Page, WebSocketRoute

STAMP = "2026-01-01T00:00:00Z"


def told_by(page: Page) -> list[WebSocketRoute]:
    """Stand between the page and the server, so that a test can say what the server does not say yet."""
    lines: list[WebSocketRoute] = []

    def stand(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    page.route_web_socket(re.compile("/ws"), stand)
    return lines


def tell(lines: list[WebSocketRoute], kind: str, **fields: object) -> None:
    """Say a frame to the page, as the server would."""
    lines[-1].send(json.dumps({"type": kind, "timestamp": STAMP, **fields}))


def message(number: int, role: str, content: str, **fields: object) -> dict[str, object]:
    """Give a stored message, as frames carry it."""
    return {"id": f"msg_{number}", "seq": number, "role": role, "content": content, "timestamp": STAMP, **fields}


def begin_answer(lines: list[WebSocketRoute], turn_id: str, text: str) -> None:
    """Have an answer begin, and say so much of it."""
    tell(lines, "start", turn_id=turn_id, attempt=1)
    tell(lines, "text", turn_id=turn_id, attempt=1, content=text, offset=0)
