"""The promises under faults: load, storms, cut sockets, hostile clients, and broken twins that the checker must catch."""
