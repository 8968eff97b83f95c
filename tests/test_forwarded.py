"""Whom a request comes from when a proxy stands before the doors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.settings import WrongSetting, load
from runtime.forwarded import Proxies

PROXIES = Proxies("127.0.0.1, 10.0.0.0/8, ::1")


@pytest.mark.parametrize(
    ("told", "client"),
    [
        pytest.param([], "127.0.0.1", id="it names nobody"),
        pytest.param(["192.0.2.7"], "192.0.2.7", id="one client"),
        pytest.param(["2001:db8::7"], "2001:db8::7", id="an IPv6 client"),
        pytest.param(
            ["6.6.6.6, 192.0.2.7"], "192.0.2.7", id="what the client claims is not believed"
        ),
        pytest.param(["6.6.6.6", "192.0.2.7"], "192.0.2.7", id="claimed in a header of its own"),
        pytest.param(["192.0.2.7, 10.1.2.3"], "192.0.2.7", id="a proxy behind a proxy"),
        pytest.param(["10.9.9.9"], "10.9.9.9", id="a proxy that asks for itself"),
        pytest.param(["nobody"], "127.0.0.1", id="no address"),
        pytest.param(["nobody, 10.1.2.3"], "10.1.2.3", id="no address behind a proxy"),
        pytest.param([""], "127.0.0.1", id="empty"),
        pytest.param(["::ffff:192.0.2.7"], "192.0.2.7", id="an IPv4 address over IPv6"),
        pytest.param(["\xff"], "127.0.0.1", id="bytes that are no text"),
    ],
)
def test_the_client_is_whom_our_proxies_name_last(told, client):
    headers = [(b"x-forwarded-for", one.encode("latin-1")) for one in told]
    assert PROXIES.client("127.0.0.1", [(b"host", b"6.6.6.6"), *headers]) == client
    assert PROXIES.client("127.0.0.1", [("X-Forwarded-For", one) for one in told]) == client


def test_proxies_are_addresses_and_networks():
    assert "127.0.0.1" in PROXIES
    assert "::ffff:127.0.0.1" in PROXIES
    assert "10.255.0.1" in PROXIES
    assert "::1" in PROXIES
    assert "127.0.0.2" not in PROXIES
    assert "" not in PROXIES
    assert "127.0.0.1" not in Proxies()


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_whatever_is_told_names_an_address(told):
    found = PROXIES.client("10.0.0.1", [(b"X-Forwarded-For", one) for one in told])
    assert Proxies(found), found


def test_a_proxy_that_is_no_address_is_told_at_the_start():
    with pytest.raises(
        WrongSetting, match=r"rest.proxies is 'nginx': 'nginx' does not appear to be"
    ):
        load({"OPENBOURSE_REST_PROXIES": "nginx"})
