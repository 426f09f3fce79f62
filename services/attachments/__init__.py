"""Attachments: what customers upload. Uploads and their reading are not built yet."""
