"""The gateway: HTTP and WebSocket outside, the bus inside. Owns no data."""
