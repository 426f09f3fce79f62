"""The readers, one for each family of formats: `read(file, media_type, manuscript)` gives what dispatch calls Found."""
