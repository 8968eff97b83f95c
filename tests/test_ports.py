"""Ports that are found before they are listened on."""

import contextlib
import socket

import pytest

from runtime.ports import END, FIRST, OUTGOING, free_port


def test_a_port_is_free_and_no_outgoing_connection_will_take_it():
    low, high = map(int, OUTGOING.read_text().split())
    ports = [free_port() for _ in range(50)]
    assert all(port < low or port > high for port in ports)
    with contextlib.ExitStack() as servers:
        for port in set(ports):
            servers.enter_context(socket.create_server(("127.0.0.1", port)))


@pytest.mark.parametrize(
    ("outgoing", "span"),
    [
        pytest.param("32768\t60999\n", range(FIRST, 32768), id="the usual range"),
        pytest.param("10500 30000", range(30001, END), id="a range below"),
        pytest.param("1024 65535", range(FIRST, END), id="every port"),
        pytest.param("what?", range(FIRST, END), id="no numbers"),
        pytest.param(None, range(FIRST, END), id="a machine that does not tell"),
    ],
)
def test_ports_come_from_the_larger_part_that_outgoing_connections_leave(outgoing, span, tmp_path):
    told = tmp_path / "range"
    if outgoing is not None:
        told.write_text(outgoing)
    assert all(free_port(outgoing=told) in span for _ in range(50))


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        free = free_port()
        monkeypatch.setattr("runtime.ports._candidates", lambda _: [taken.getsockname()[1], free])
        assert {free_port() for _ in range(50)} == {free}


def test_a_host_that_is_not_this_machine_is_an_error():
    with pytest.raises(OSError, match="assign requested address"):
        free_port("192.0.2.1")


def test_a_machine_without_a_free_port_is_told(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        monkeypatch.setattr("runtime.ports._candidates", lambda _: [taken.getsockname()[1]])
        with pytest.raises(OSError, match="no free port"):
            free_port()
