"""The gateway's drivers: the one place that knows aiohttp."""
