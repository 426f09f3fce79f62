"""Attachments: what customers upload, read apart from everything else, and used in their own session only."""
