"""The rules of a conversation: pure, synchronous, and given the time."""
