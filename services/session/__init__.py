"""The session service: sessions, messages, turns, and the event log."""
