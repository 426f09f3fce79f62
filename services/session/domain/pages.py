"""Pages of the event log: what fits into one reply."""

from libs.contracts.session import EventRecord

# A reply of the broker holds 1 MB at most, and an event less than half of this page.
PAGE_BYTES = 512 * 1024


def first_of_size(events: list[EventRecord], most: int) -> list[EventRecord]:
    """Give the first events whose payloads take at most so many bytes together, but at least one."""
    size = 0
    for place, event in enumerate(events):
        size += len(bytes(event.payload))
        if size > most and place:
            return events[:place]
    return events
