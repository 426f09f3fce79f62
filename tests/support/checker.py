"""What must hold of every conversation, whatever happened to the processes: the promises I1 to I6, checked from outside.

`check` gives what contradicts a promise in a session's evidence; nothing else counts.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from tests.bench.checker import Stream

from .evidence import Event, Evidence, View

FINALS = ("turn_completed", "turn_failed", "turn_cancelled")
_TOKENS = re.compile(r"\[tokens=(\d+)\]")


class Fault(Struct, frozen=True):
    """A broken promise."""

    promise: str
    session_id: str
    words: str

    def __str__(self) -> str:
        return f"{self.promise} {self.session_id}: {self.words}"


def check(evidence: Evidence) -> list[Fault]:
    """Give every contradiction to I1-I6 in one session's evidence."""
    found = (
        ("I1", lost(evidence)),
        ("I2", doubled(evidence)),
        ("I3", answers(evidence)),
        ("I4", order(evidence)),
        ("I5", history_of_events(evidence)),
        ("I6", shown_as_stored(evidence)),
    )
    return [Fault(promise, evidence.session_id, words) for promise, faults in found for words in faults]


def check_all(evidence: Iterable[Evidence]) -> list[Fault]:
    """Check many sessions."""
    return [fault for each in evidence for fault in check(each)]


# --- I1, I2: what was acknowledged


def lost(evidence: Evidence) -> Iterator[str]:
    """I1: an acknowledged message is stored, as it was acknowledged and as it was sent."""
    by_id = {message["id"]: message for message in evidence.messages}
    own_ids = {message["client_message_id"] for message in evidence.messages}
    for sent in evidence.sent:
        for receipt in sent.receipts:
            if receipt.message_id is None:
                if sent.client_message_id not in own_ids:
                    yield f"lost: {sent.client_message_id!r}, answered by {receipt.via}"
                continue
            stored = by_id.get(receipt.message_id)
            name = f"{sent.client_message_id!r}, acknowledged by {receipt.via} as {receipt.message_id}"
            if stored is None:
                yield f"lost: {name}"
            elif (stored["seq"], stored["content"]) != (receipt.seq, sent.content):
                yield f"changed: {name} with seq {receipt.seq} is stored with {stored['seq']} {stored['content']!r}"


def doubled(evidence: Evidence) -> Iterator[str]:
    """I2: one `client_message_id` is one message with one `seq`, in the transcript and in every receipt."""
    stored = Counter(message["client_message_id"] for message in _questions(evidence))
    for own_id, count in stored.items():
        if count > 1:
            yield f"doubled: {own_id!r} is stored {count} times"
    for sent in evidence.sent:
        places = sorted({(receipt.seq, receipt.message_id) for receipt in sent.receipts if receipt.message_id})
        if len(places) > 1:
            yield f"doubled: {sent.client_message_id!r} was acknowledged as {places}"
    known = {sent.client_message_id for sent in evidence.sent}
    for own_id in stored.keys() - known:
        yield f"foreign: {own_id!r} is stored and was never sent"


# --- I3: one final answer


def answers(evidence: Evidence) -> Iterator[str]:
    """I3: every turn ends once, by its last attempt, with one stored answer; every question is answered once."""
    by_turn = turns(evidence.log)
    for turn_id, events in by_turn.items():
        yield from _turn(turn_id, events)
    stored = defaultdict(list)
    for message in evidence.messages:
        if message["role"] == "assistant":
            stored[message["turn_id"]].append(message)
    for turn_id, events in by_turn.items():
        final = next((event for event in events if _answers(event)), None)
        expected = [] if final is None else [final.payload["message"]["id"]]
        if [message["id"] for message in stored.pop(turn_id, [])] != expected:
            yield f"answers: turn {turn_id} has other stored answers than the one of its end, {expected}"
    for turn_id in stored:
        yield f"answers: there is an answer of {turn_id}, a turn that the log does not know"
    covered = Counter(seq for event in evidence.log if _answers(event) for seq in event.payload["answers_seq"])
    for message in _questions(evidence):
        if (times := covered[message["seq"]]) != 1:
            yield f"answers: message {message['seq']} ({message['client_message_id']!r}) is answered {times} times"


def _turn(turn_id: str, events: list[Event]) -> Iterator[str]:
    attempts = [event.payload["attempt"] for event in events if event.name == "turn_started"]
    if attempts != list(range(1, len(attempts) + 1)):
        yield f"attempts: turn {turn_id} was begun as {attempts}"
    finals = [event for event in events if event.name in FINALS]
    if len(finals) != 1:
        yield f"answers: turn {turn_id} ended {len(finals)} times: {[event.name for event in finals]}"
    begun = 0
    for place, event in enumerate(events):
        begun = event.payload["attempt"] if event.name == "turn_started" else begun
        if event.name == "turn_completed" and event.payload["attempt"] != begun:
            yield f"stale: attempt {event.payload['attempt']} of {turn_id} was stored while {begun} had the turn"
        if event.name in FINALS and place + 1 < len(events) and events[place + 1].name == "turn_started":
            yield f"stale: turn {turn_id} was begun again after its end"


def turns(log: Sequence[Event]) -> dict[str, list[Event]]:
    """Give what the log tells of each turn."""
    by_turn: defaultdict[str, list[Event]] = defaultdict(list)
    for event in log:
        if event.name == "turn_started" or event.name in FINALS:
            by_turn[event.payload["turn_id"]].append(event)
    return by_turn


def _answers(event: Event) -> bool:
    """Whether an event ends a turn with something that its questions are answered by."""
    return event.name in FINALS and event.payload.get("message") is not None


def _questions(evidence: Evidence) -> list[dict[str, Any]]:
    return [message for message in evidence.messages if message["role"] == "user"]


# --- I4, I5: order


def order(evidence: Evidence) -> Iterator[str]:
    """I4: `seq` is dense, in the transcript and in the log; answers come after their questions and in their order."""
    seqs = [message["seq"] for message in evidence.messages]
    if seqs != list(range(1, len(seqs) + 1)):
        yield f"order: the transcript's seq are {_gist(seqs)}"
    told = [event.payload["message"] for event in evidence.log if event.name == "message_added"]
    if [message["id"] for message in told] != [message["id"] for message in evidence.messages]:
        yield f"order: the log tells of {_gist([message['seq'] for message in told])}, stored are {_gist(seqs)}"
    before = 0
    for event in filter(_answers, evidence.log):
        asked, seq = event.payload["answers_seq"], event.payload["message"]["seq"]
        if asked != sorted(asked) or not asked or asked[-1] >= seq or asked[0] <= before:
            yield f"order: answer {seq} is to {asked}, after answers up to {before}"
        before = max(before, *asked) if asked else before


def history_of_events(evidence: Evidence) -> Iterator[str]:
    """I5: `ev_seq` is dense in the log, and what was published is the log."""
    numbers = [event.ev_seq for event in evidence.log]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"events: the log's ev_seq are {_gist(numbers)}"
    if len(evidence.published) != len(evidence.log):
        yield f"events: {len(evidence.published)} published of {len(evidence.log)}"
    for logged, published in zip(evidence.log, evidence.published, strict=False):
        if (logged.ev_seq, logged.name, logged.payload) != (published.ev_seq, published.name, published.payload):
            yield f"events: {logged.ev_seq} {logged.name} was published as {published.ev_seq} {published.name}"
            return


# --- I6: what clients saw


def shown_as_stored(evidence: Evidence) -> Iterator[str]:
    """I6: what every screen showed is what is stored, each answer once and in order; stored tokens are whole."""
    finals = [event for event in evidence.log if _answers(event)]
    by_id = {message["id"]: message for message in evidence.messages}
    for view in evidence.views:
        yield from (f"{view.name}: {words}" for words in view.faults)
        yield from (f"{view.name}: {words}" for words in _seen(view, finals, by_id))
        if view.whole:
            yield from (f"{view.name}: {words}" for words in _questions_seen(view, evidence))
    for event in finals:
        if event.name == "turn_completed":
            yield from _tokens(event, by_id)


def _seen(view: View, finals: list[Event], by_id: dict[str, dict[str, Any]]) -> Iterator[str]:
    for shown in view.shown:
        stored = by_id.get(shown.message["id"])
        if shown.text != shown.message["content"]:
            yield f"text: {shown.turn_id} shows {_end(shown.text)} and is {_end(shown.message['content'])}"
        if stored is None or stored["content"] != shown.message["content"]:
            yield f"text: {shown.turn_id} came with a message that is not the stored one"
    if view.whole:
        yield from _sequence(view, finals)


def _sequence(view: View, finals: list[Event]) -> Iterator[str]:
    told = [shown.message["id"] for shown in view.shown]
    expected = [event.payload["message"]["id"] for event in finals]
    again = {message_id for message_id, count in Counter(told).items() if count > 1}
    if again:
        yield f"repeated: answers {sorted(again)} were shown more than once"
    missed = [message_id for message_id in expected if message_id not in {*told, *view.fetched}]
    if missed:
        yield f"missed: answers {missed} of {len(expected)} were never shown"
    if not again and told != [message_id for message_id in expected if message_id in set(told)]:
        yield "order: answers were shown in another order than the log's"


def _questions_seen(view: View, evidence: Evidence) -> Iterator[str]:
    if view.added != sorted(set(view.added)):
        yield f"repeated: message_added told of {_gist(view.added)}"
    fetched = {message["seq"] for message in evidence.messages if message["id"] in view.fetched}
    unseen = {message["seq"] for message in _questions(evidence)} - {*view.added, *view.receipts, *fetched}
    if unseen:
        yield f"missed: messages {sorted(unseen)} were never shown"


def _tokens(event: Event, by_id: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Check a scripted answer against the directives of its questions: every numbered token once and in order."""
    message = by_id.get(event.payload["message"]["id"])
    by_seq = {each["seq"]: each for each in by_id.values()}
    asked = "\n".join(by_seq[seq]["content"] for seq in event.payload["answers_seq"] if seq in by_seq)
    wanted = _TOKENS.findall(asked)
    if message is None or not wanted or "error" in message["metadata"]:
        return
    stream = Stream(event.payload["turn_id"], tokens=int(wanted[-1]))
    stream.take(event.payload["turn_id"], 1, 0, message["content"], 0.0)
    stream.end(message["content"])
    for fault in stream.faults:
        yield f"tokens: answer {message['seq']}: {fault}"


def _gist(numbers: list[int]) -> str:
    """Give a long list of numbers by what is odd in it."""
    odd = [(place, number) for place, number in enumerate(numbers, 1) if place != number]
    return (
        f"1 to {len(numbers)}" if not odd else f"{len(numbers)} numbers, of which the one at {odd[0][0]} is {odd[0][1]}"
    )


def _end(text: str) -> str:
    return f"{len(text)} characters, ending {text[-24:]!r}"
