"""The chat page in a real browser; `make browser` runs them."""
