"""Drivers of the session service, each named for its technology."""
