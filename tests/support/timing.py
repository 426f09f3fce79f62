"""How long things took while processes died (I7), from the evidence."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from .checker import turns
from .evidence import Event, Evidence


def accept_times(evidence: Iterable[Evidence]) -> list[float]:
    """Give the seconds from each message's first try to its first receipt; infinite where none came.

    Messages of which only the answer was awaited say nothing of this.
    """
    times: list[float] = []
    for sent in (sent for each in evidence for sent in each.sent):
        receipts = [receipt.at for receipt in sent.receipts if receipt.message_id is not None]
        if receipts or not sent.receipts:
            times.append(min(receipts, default=float("inf")) - sent.began)
    return times


class Death(Struct, frozen=True):
    """When an agent's process was killed, or stopped for longer than a lease."""

    agent_id: str
    at: datetime


def restart_times(evidence: Iterable[Evidence], deaths: Sequence[Death]) -> list[float]:
    """Give the seconds after which each turn that lost its agent was begun again or settled."""
    times: list[float] = []
    for each in evidence:
        for events in turns(each.log).values():
            for death in deaths:
                times += [seconds for seconds in [_restart(events, death)] if seconds is not None]
    return times


def _restart(events: list[Event], death: Death) -> float | None:
    """Say how long after its agent's death a turn went on; None where it was not in that agent's hands."""
    before = [event for event in events if event.time is not None and event.time <= death.at]
    after = [event for event in events if event.time is not None and event.time > death.at]
    held = before and before[-1].name == "turn_started" and before[-1].payload["agent_id"] == death.agent_id
    if not held or not after:
        return None
    # What it had just sent off may still be stored: then nobody had to begin again.
    if after[0].name == "turn_completed" or after[0].time is None:
        return None
    return (after[0].time - death.at).total_seconds()
