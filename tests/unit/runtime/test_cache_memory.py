"""The store in memory: true time to live, true bounds, and the globs of Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.cache_memory import MemoryStore, glob, glob_literal


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_r11_time_to_live_is_true() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.put(b"a", b"1", 1.0)
    clock.now = 0.999
    assert await store.get(b"a") == b"1"
    clock.now = 1.0
    assert await store.get(b"a") is None
    assert (len(store), store.bytes_used) == (0, 0)


async def test_what_is_over_is_not_counted_as_removed() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.put(b"a", b"1", 1.0)
    await store.put(b"b", b"1", 9.0)
    clock.now = 2.0
    assert await store.clear(b"*") == 1
    await store.put(b"a", b"1", 1.0)
    clock.now = 4.0
    assert not await store.delete(b"a")


async def test_r11_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(max_entries=3)
    for name in (b"a", b"b", b"c"):
        await store.put(name, b"1", 60)
    await store.get(b"a")
    await store.put(b"d", b"1", 60)
    assert [name for name in (b"a", b"b", b"c", b"d") if await store.get(name)] == [b"a", b"c", b"d"]


async def test_r11_bytes_are_bounded_too() -> None:
    store = MemoryStore(max_bytes=10_000)
    for number in range(100):
        await store.put(b"%d" % number, b"x" * 1000, 60)
        assert store.bytes_used <= 10_000
    assert 0 < len(store) < 10
    assert await store.get(b"99") is not None


async def test_a_value_larger_than_all_is_not_kept_and_neither_is_the_one_before_it() -> None:
    store = MemoryStore(max_bytes=10_000)
    await store.put(b"small", b"1", 60)
    await store.put(b"large", b"1", 60)
    await store.put(b"large", b"x" * 20_000, 60)
    assert await store.get(b"large") is None
    assert await store.get(b"small") == b"1"


@given(st.lists(st.tuples(st.sampled_from("psdc"), st.integers(0, 9), st.binary(max_size=300)), max_size=60))
async def test_the_account_of_bytes_is_true(steps: list[tuple[str, int, bytes]]) -> None:
    store = MemoryStore(max_entries=5, max_bytes=1500)
    for what, number, value in steps:
        name = b"%d" % number
        match what:
            case "p":
                await store.put(name, value, 60)
            case "s":
                await store.get(name)
            case "d":
                await store.delete(name)
            case _:
                await store.clear(name + b"*")
        assert len(store) <= 5
        assert store.bytes_used <= 1500
    await store.clear(b"*")
    assert (len(store), store.bytes_used) == (0, 0)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*", ["", "a", "a:b\n"], []),
        ("a*", ["a", "ab"], ["ba", ""]),
        ("a*b*c", ["abc", "aXbYc", "abbcc"], ["acb", "ab"]),
        ("h?llo", ["hello", "hallo"], ["hllo", "heello"]),
        ("h[ae]llo", ["hello", "hallo"], ["hillo"]),
        ("h[^e]llo", ["hallo"], ["hello"]),
        ("h[a-c]llo", ["hbllo"], ["hdllo"]),
        ("h[c-a]llo", ["hbllo"], ["hdllo"]),
        (r"h\*llo", ["h*llo"], ["hello"]),
        (r"h[\]]llo", ["h]llo"], ["h[llo"]),
        ("h[]llo", [], ["hllo", "h]llo"]),
        ("a.c", ["a.c"], ["abc"]),
        ("[a", ["a"], ["[a"]),
    ],
)
def test_globs(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = glob(pattern.encode())
    assert [text for text in yes if not matches(text.encode())] == []
    assert [text for text in no if matches(text.encode())] == []


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_literal_matches_itself_only(text: str, other: str) -> None:
    matches = glob(glob_literal(text).encode())
    assert matches(text.encode())
    assert matches(other.encode()) == (text == other)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not glob(b"*a" * 40 + b"b")(b"a" * 2000)
