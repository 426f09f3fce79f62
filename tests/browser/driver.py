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

# What a busy machine needs; what is there sooner is seen sooner.
expect.set_options(timeout=20_000)

__all__ = ["BrowserContext", "Page", "Request", "Route", "WebSocket", "WebSocketRoute", "expect"]
