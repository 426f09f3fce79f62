"""Whose requests count together, and when somebody has been refused too often."""

import pytest

from services.gateway.domain.rates import Patience, client_of, networks

PROXIES = networks(["10.0.0.0/8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # nobody whom we trust says so
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "192.0.2.1, 198.51.100.1, 10.0.0.7", "198.51.100.1"),  # what stands before may be made up
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "nonsense", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.7", "10.0.0.7"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "", "2001:db8:1:2::/64"),
        ("10.1.2.3", "2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("unix", "", "unix"),
    ],
)
def test_whose_request_it_is(peer, forwarded, client):
    assert client_of(peer, forwarded, PROXIES) == client


def test_a_burst_counts_once_however_long_it_is():
    patience = Patience()
    assert not any(patience.is_lost(100 + n / 1000) for n in range(900))


def test_going_on_and_on_is_not_borne():
    patience = Patience()
    assert [patience.is_lost(float(n)) for n in range(5)] == [False, False, False, False, True]


def test_calm_is_rewarded():
    patience = Patience()
    for n in range(4):
        patience.is_lost(float(n))
    assert not patience.is_lost(40.0)
