"""Frames of one socket are taken a hundred at once and then fifty a second; large ones count for several."""

import pytest

from services.gateway.domain.rates import FRAMES_A_SECOND, FRAMES_AT_ONCE, FramePace


def test_a_burst_waits_for_nothing_and_what_follows_comes_at_the_rate():
    pace = FramePace()
    waits = [pace.wait(100.0, 40) for _ in range(FRAMES_AT_ONCE + 3)]
    assert waits[:FRAMES_AT_ONCE] == pytest.approx([0.0] * FRAMES_AT_ONCE)
    assert [round(wait * FRAMES_A_SECOND, 6) for wait in waits[FRAMES_AT_ONCE:]] == [1, 2, 3]


def test_who_keeps_to_the_rate_never_waits():
    pace = FramePace()
    assert max(pace.wait(100 + number / FRAMES_A_SECOND, 40) for number in range(1000)) == 0.0


def test_a_rest_gives_the_burst_back_and_no_more():
    pace = FramePace()
    for _ in range(2 * FRAMES_AT_ONCE):
        pace.wait(100.0, 40)
    waits = [pace.wait(1000.0, 40) for _ in range(FRAMES_AT_ONCE + 1)]
    assert waits[-2:] == pytest.approx([0.0, 1 / FRAMES_A_SECOND])


def test_a_frame_counts_once_for_each_4_kib_and_a_rest():
    small, large = FramePace(), FramePace()
    assert [small.wait(0.0, 4095) for _ in range(FRAMES_AT_ONCE)][-1] == pytest.approx(0.0)
    assert [large.wait(0.0, 4096) for _ in range(FRAMES_AT_ONCE // 2)][-1] == pytest.approx(0.0)
    assert small.wait(0.0, 4095) == pytest.approx(1 / FRAMES_A_SECOND)
    assert large.wait(0.0, 4096) == pytest.approx(2 / FRAMES_A_SECOND)
