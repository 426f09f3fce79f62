"""The drivers of the knowledge service, each module named for its technology."""
