"""The benchmark's checker finds every way in which a stream can be wrong; one that finds nothing measures nothing."""

import pytest

from tests.bench.checker import Stream
from tests.bench.figures import lateness, median, percentile

TURN = "turn_000000abcdef"


def told(numbers, prefix="abcdef"):
    return [f"{prefix}:{number} " for number in numbers]


def streamed(tokens, stored=None, count=4):
    stream, offset = Stream(TURN, tokens=count), 0
    for at, token in enumerate(tokens):
        stream.take(TURN, 1, offset, token, float(at))
        offset += len(token)
    stream.end("".join(tokens) if stored is None else stored)
    return stream


def kinds(stream):
    return {fault.split()[0] for fault in stream.faults}


def test_a_whole_stream_has_no_fault_and_each_token_its_time():
    stream = streamed(told(range(4)))
    assert stream.faults == []
    assert stream.arrivals == [0.0, 1.0, 2.0, 3.0]


def test_a_token_counts_when_all_of_it_is_there():
    stream = Stream(TURN, tokens=2)
    stream.take(TURN, 1, 0, "abcdef:0 abc", 1.0)
    stream.take(TURN, 1, 12, "def:1 ", 2.0)
    stream.end("abcdef:0 abcdef:1 ")
    assert (stream.faults, stream.arrivals) == ([], [1.0, 2.0])


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [
        (told([0, 1, 3]), "lost"),
        (told([0, 1, 2]), "lost"),
        ([*told([0, 1, 2]), "abcdef:3"], "lost"),
        (told([0, 1, 1, 2, 3]), "doubled"),
        (told([0, 2, 1, 3]), "reordered"),
        ([*told([0, 1]), *told([2], prefix="000000"), *told([3])], "foreign"),
        (told([0, 1, 2, 3, 4]), "foreign"),
        ([*told([0, 1, 2, 3]), "words "], "foreign"),
    ],
)
def test_what_is_wrong_with_tokens_is_found(tokens, kind):
    assert kind in kinds(streamed(tokens))


def test_text_at_a_wrong_offset_is_found():
    for offset, kind in ((20, "lost"), (0, "doubled")):
        stream = Stream(TURN)
        stream.take(TURN, 1, 0, "abcdef:0 ", 0.0)
        stream.take(TURN, 1, offset, "abcdef:1 ", 0.0)
        assert kinds(stream) == {kind}


def test_text_of_another_turn_or_attempt_is_found():
    for turn_id, attempt in (("turn_other", 1), (TURN, 2)):
        stream = Stream(TURN)
        stream.take(turn_id, attempt, 0, "abcdef:0 ", 0.0)
        assert kinds(stream) == {"foreign"}


def test_an_answer_that_is_stored_otherwise_is_found():
    assert kinds(streamed(told(range(4)), stored="abcdef:0 ")) == {"stored"}


def test_lateness_is_counted_from_the_quickest_token():
    whole, apart = lateness([5.0, 15.0, 36.0], interval=15.0, coalescing=35.0)
    assert whole == [5.0, 0.0, 6.0]
    assert apart[0] == 5.0


def test_coalescing_is_counted_apart():
    """Tokens every 15 ms in frames 35 ms apart; the last frame comes 4 ms after it could have."""
    arrivals = [0.0, 35.0, 35.0, 74.0, 74.0]
    whole, apart = lateness(arrivals, interval=15.0, coalescing=35.0)
    assert whole == [0.0, 20.0, 5.0, 29.0, 14.0]
    assert apart == [0.0, 0.0, 0.0, 4.0, 4.0]


def test_a_token_that_missed_its_frame_is_late():
    """Token 1 was due at 15, before the frame at 35, and came 65 after it was due: 35 of them are excused."""
    _, apart = lateness([0.0, 80.0, 80.0], interval=15.0, coalescing=35.0)
    assert apart[1] == 80.0 - 35.0


def test_percentiles_are_values_that_were_measured():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5
