"""The use cases of attachments: none yet. Uploading, binding to a message, reading and deleting belong here."""
