"""What attachments need from the outside: nothing yet. A blob store, a reader and a scanner belong here."""
