"""The runtime, without servers."""
