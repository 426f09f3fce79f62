"""Names and addresses in Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Internal
from libs.runtime.redis import RedisLink, key_name, redis_url_from


def test_short_keys_stay_as_they_are() -> None:
    assert key_name("cs_agent:", "search:a b") == b"cs_agent:search:a b"
    assert key_name("cs_agent:", "x" * 200) == b"cs_agent:" + b"x" * 200


def test_long_keys_are_hashed_and_keep_prefix_and_beginning() -> None:
    first, second = key_name("cs_agent:", "search:" + "x" * 500), key_name("cs_agent:", "search:" + "x" * 501)
    assert first != second
    assert first.startswith(b"cs_agent:search:xxx")
    assert len(first) == len(second) == len("cs_agent:") + 200


def test_nobody_can_write_a_key_that_looks_like_a_hashed_one() -> None:
    long = "x" * 300
    forged = key_name("", long).decode()
    assert len(forged) == 200
    assert key_name("", forged) != key_name("", long)


@given(st.text(max_size=400), st.text(max_size=400))
def test_different_keys_have_different_names(one: str, other: str) -> None:
    assert (key_name("p:", one) == key_name("p:", other)) == (one == other)


@given(st.text(st.characters(), max_size=300))
def test_any_text_is_a_key(key: str) -> None:
    assert key_name("p:", key + "\udc80").startswith(b"p:")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "redis://127.0.0.1:6379/0"),
        ({"host": "cache", "port": 6380, "password": "p@ss/word:", "db": 1}, "redis://:p%40ss%2Fword%3A@cache:6380/1"),
        ({"host": "::1"}, "redis://[::1]:6379/0"),
        ({"url": "redis://h:1/3"}, "redis://h:1/3"),
        ({"url": "redis://u:p@h:1/0", "db": 1}, "redis://u:p@h:1/1"),
        ({"url": "rediss://h", "db": 1}, "rediss://h/1"),
        ({"url": "redis://h/0?db=4&ssl_cert_reqs=none", "db": 1}, "redis://h/1?ssl_cert_reqs=none"),
        ({"url": "unix:///run/redis.sock", "db": 2}, "unix:///run/redis.sock?db=2"),
    ],
)
def test_urls(given: dict[str, object], url: str) -> None:
    assert redis_url_from(**given) == url


@pytest.mark.parametrize("url", ["http://:secret@127.0.0.1", "127.0.0.1:6379", "redis://:secret@h:port"])
def test_an_unusable_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(Internal) as fault:
        RedisLink(url, "cache")
    assert fault.value.code == "redis_url_unusable"
    assert "secret" not in fault.value.detail
