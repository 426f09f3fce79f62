"""The rules of answering: pure and synchronous, one noun a module."""
