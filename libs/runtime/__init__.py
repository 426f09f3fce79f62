"""How a Deskbus service runs: bus, database, settings, logs. No business nouns here."""
