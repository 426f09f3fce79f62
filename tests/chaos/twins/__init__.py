"""Broken twins: services without one of the rules that keep the promises. Where the checker passes them, it is blind."""
