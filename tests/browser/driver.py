"""What the tests use of the browser's driver. Without it, each module that asks for it here is skipped."""

import pytest

pytest.importorskip("playwright", reason="the browser's driver is missing: `make browser` brings it and runs these")

from playwright.sync_api import (
    BrowserContext,
    Page,
    Request,
    Route,
    WebSocket,
    WebSocketRoute,
    expect,
)

__all__ = ["BrowserContext", "Page", "Request", "Route", "WebSocket", "WebSocketRoute", "expect"]
