"""The knowledge service: what is known, split into passages, embedded, and found again by meaning."""
