"""Stands on the line between the page and the server."""

import re

from .driver import Page, WebSocketRoute


def told_by(page: Page) -> list[WebSocketRoute]:
    """Stand between the page and the server, so that a test can say what the server does not say yet."""
    lines: list[WebSocketRoute] = []

    def stand(line: WebSocketRoute) -> None:
        lines.append(line)
        line.connect_to_server()

    page.route_web_socket(re.compile("/ws"), stand)
    return lines
