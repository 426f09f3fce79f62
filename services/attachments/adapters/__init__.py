"""The drivers of the attachments service, each module named for its technology."""
