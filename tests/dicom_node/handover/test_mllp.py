"""MLLP: frames, and a receiver that says little, late or without end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from dicom_node.demo.node import free_port
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.handover import mllp

MESSAGE = b"MSH|^~\\&|A\r"


@contextmanager
def peer(talk: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """A connection with somebody who does that."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def take() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                talk(connection)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            with mllp.connect("ris", address, None) as connection:
                yield connection
        finally:
            thread.join()


def drip(pieces: list[bytes], every_s: float) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(every_s)  # that it is slow is what is tested
        connection.recv(65536)

    return talk


def test_a_message_goes_in_a_frame() -> None:
    came: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        came.append(connection.recv(65536))
        connection.sendall(b"\x0bACK\x1c\r")

    with peer(talk) as connection:
        assert mllp.exchange(connection, "ris", MESSAGE, 10) == b"ACK"
    assert came == [b"\x0b" + MESSAGE + b"\x1c\r"]


def test_an_answer_may_come_in_pieces_and_with_noise_before_it() -> None:
    with peer(drip([b"\r\n\x0bAC", b"K\x1c", b"\r"], 0.05)) as connection:
        assert mllp.exchange(connection, "ris", MESSAGE, 10) == b"ACK"


def test_who_says_nothing_is_not_waited_for_without_end() -> None:
    with (
        peer(drip([], 0)) as connection,
        pytest.raises(DestinationUnavailable, match="no answer within"),
    ):
        mllp.exchange(connection, "ris", MESSAGE, 0.3)


def test_nor_is_who_says_one_byte_after_the_other() -> None:
    started = time.monotonic()
    with peer(drip([b"\x0b", *([b"A"] * 10)], 0.2)) as connection:
        with pytest.raises(DestinationUnavailable, match="no answer within"):
            mllp.exchange(connection, "ris", MESSAGE, 0.5)
        assert time.monotonic() - started < 1.5


def test_nobody_at_the_port_and_no_such_host_are_said() -> None:
    with pytest.raises(DestinationAway, match="connection refused"):
        mllp.connect("ris", ("127.0.0.1", free_port()), None)
    with pytest.raises(DestinationAway, match="no connection to"):
        mllp.connect("ris", ("a..example", 2575), None)
