"""The gateway's use cases, over ports: follow a session, converse on a socket, send and read over HTTP, say how it is."""
