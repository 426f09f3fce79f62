"""Attachments without servers: names, types, and reading in a process apart."""
