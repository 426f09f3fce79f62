"""The rules of attachments: none yet. Names, kinds, sizes and states of an upload belong here."""
