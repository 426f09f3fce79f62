"""The benchmark: how long Deskbus takes beside a floor that stores nothing. `python -m tests.bench --help`."""
