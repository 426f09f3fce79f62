"""The rules of a conversation, without servers."""
