"""The socket of an accepted association, bounded: what is read, how fast, how long (PS3.8).

pynetdicom takes a PDU of 4 GB if one is announced, waits for its end for ever, reads instances
ahead of what it has answered, 4 KiB at a time, and sees no data on a file number above 1023.
"""

import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from io import BytesIO
from typing import Any

from pynetdicom.association import Association
from pynetdicom.fsm import StateMachine
from pynetdicom.transport import AssociationSocket, RequestHandler

from dicom_node.network.messages import LOOK_S, Messages
from dicom_node.network.p_data import ESTABLISHED, DataTransfer

#: Bytes. pynetdicom's 16 KiB costs a thread switch each; a 15 MB radiograph wants large PDUs.
MAX_PDU_SIZE = 1024 * 1024
#: Bytes a second: slower than this a message may not come, once `timeout_s` is over.
SLOWEST = 10_000
#: Bytes by which some count a PDU longer than others (PS3.8 D.1): headers of its values, mostly.
_LENIENCE = 16 * 1024
_CHUNK = 64 * 1024
#: Seconds that the socket's thread waits for something to read while it may have to send, and that
#: it sleeps between two looks at all it has to do, of which one waits.
_SHORT_LOOK_S, _BETWEEN_S = 0.001, 0.0001
#: Bytes that are read, at most, once the association has ended.
_DREGS = 4 * 1024 * 1024
#: PS3.8 9.2.1: awaiting that the peer closes. pynetdicom reads on, for as long as the peer likes.
_ENDED = "Sta13"
#: A-ABORT, PS3.8 9.3.8, by the service provider, which gives no reason.
_ABORT = bytes([0x07, 0, 0, 0, 0, 4, 0, 0, 2, 0])


class TooSlow(TimeoutError):
    """A PDU, or a message, has not come within its time."""


class TooLong(OSError):
    """A PDU is larger than this node has said it takes (PS3.8 D.1)."""


class Connection(AssociationSocket):  # type: ignore[misc]  # untyped, here and below
    """An accepted socket, of which the A-ASSOCIATE-RQ was read already."""

    def __init__(
        self, association: Association, accepted: socket.socket, request: bytes, timeout_s: float
    ) -> None:
        """`timeout_s`: for any one PDU, and for every one that is sent."""
        super().__init__(association, client_socket=accepted)
        self.fault = ""  #: why this end gave it up
        self._early = bytearray(request)
        self._chunk = memoryview(bytearray(_CHUNK))
        self._timeout_s = timeout_s
        #: An abort and an answer come from two threads.
        self._sending = threading.Lock()
        self._message_began = 0.0
        self._message_bytes = 0
        accepted.settimeout(timeout_s)

    @property
    def ready(self) -> bool:
        """Whether to read, after a while in which there may be something: not before all that came
        is served, or memory has no end.
        """
        if self.socket is None or not self._is_connected:
            return False
        if self._early:
            return True
        if self.assoc.dul.state_machine.current_state == _ENDED:
            self._drain()
            return False
        messages = self.assoc.dimse
        if not messages.all_served.is_set():
            messages.all_served.wait(LOOK_S)
            return False
        if not self.assoc.dul.to_provider_queue.empty():
            # Put there meanwhile: an answer, or an abort, goes before what comes.
            return False
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        # Established, an association has nothing to send but answers; before and after, it may.
        established = self.assoc.dul.state_machine.current_state == ESTABLISHED
        try:
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            return bool(poll.poll(1000 * (LOOK_S if established else _SHORT_LOOK_S)))
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def _drain(self) -> None:
        """Let go what is there already. What is unread when a socket is closed, TCP answers with a
        reset, which may overtake the last PDU.
        """
        assert self.socket is not None
        with suppress(OSError, ValueError):
            self.socket.settimeout(0)
            for _ in range(_DREGS // _CHUNK):
                if not self.socket.recv(_CHUNK):
                    break

    def recv(self, nr_bytes: int) -> bytearray:
        """Exactly so many, fewer where the peer has closed; raises TooLong, TooSlow, OSError."""
        if self._early:
            received = self._early[:nr_bytes]
            del self._early[:nr_bytes]
            return received
        self.check_length(nr_bytes)
        content = BytesIO()
        self._receive(nr_bytes, content)
        return bytearray(content.getbuffer())

    def unread(self, received: bytearray) -> None:
        """Have it received again."""
        self._early[:0] = received

    def check_length(self, count: int) -> None:
        """Of a PDU, as it is announced; raises TooLong."""
        if count > MAX_PDU_SIZE + _LENIENCE:
            raise self._given_up(TooLong(f"a PDU of {count} bytes; {MAX_PDU_SIZE} are taken"))

    def recv_into(self, target: BytesIO, count: int) -> None:
        """Exactly so many bytes of an established association, appended to `target`.

        Raises TooSlow, OSError.
        """
        if self._receive(count, target) < count:
            raise ConnectionError("closed within a PDU")

    def _receive(self, count: int, target: BytesIO) -> int:
        """How many came; fewer than `count` where the peer has closed."""
        received = 0
        until = time.monotonic() + self._timeout_s
        while received < count:
            left_s = min(until, self._message_end()) - time.monotonic()
            if left_s <= 0:
                raise self._given_up(TooSlow(f"{received} of {count} bytes came in time"))
            assert self.socket is not None
            self.socket.settimeout(left_s)
            try:
                part = self.socket.recv_into(self._chunk, min(count - received, _CHUNK))
            except TimeoutError:
                continue
            if not part:
                break
            target.write(self._chunk[:part])
            received += part
            self._message_bytes += part
        return received

    def _message_end(self) -> float:
        """Until when the message under way has to come: a byte a minute would keep it for days."""
        if self.assoc.dimse.message is None:
            self._message_began = time.monotonic()
            self._message_bytes = 0
        return self._message_began + self._timeout_s + self._message_bytes / SLOWEST

    def send(self, bytestream: bytes) -> None:
        """As pynetdicom does, but no longer than the time-out: a peer may stop reading."""
        with self._sending:
            with suppress(OSError):
                if self.socket is not None:
                    self.socket.settimeout(self._timeout_s)
            super().send(bytestream)

    def abort(self) -> None:
        """Tell a peer that is in the middle of a message, from another thread than the one that
        waits for its rest; not by TLS, which two threads may not speak at once.
        """
        if not isinstance(self.socket, ssl.SSLSocket):
            self.send(_ABORT)

    def _shutdown_socket(self) -> None:
        # pynetdicom leaves it open where the peer has closed already.
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()

    def _given_up(self, error: OSError) -> OSError:
        """Whatever else comes is not to be read."""
        self.fault = str(error)
        if self.socket is not None:
            self.socket.close()
        return error


class States(StateMachine):  # type: ignore[misc]
    """pynetdicom's state machine, of which no peer ends the thread by what no state foresees."""

    def do_action(self, event: str) -> None:
        try:
            super().do_action(event)
            self.dul.assoc.dimse.notice()
        except Exception as exc:
            association = self.dul.assoc
            association.dul.socket.fault = str(exc)
            association.dul.socket.close()
            # In any other state the association's thread would wait for this one for ever.
            self.current_state = "Sta1"
            self.dul.kill_dul()
            association._kill = True
            if association.requestor.primitive is None:
                # The other thread waits for a request that will not come.
                self.dul.to_user_queue.put(None)


class MakesAssociations(RequestHandler):  # type: ignore[misc]
    """Makes the association of a connection that has asked for one."""

    #: What it was made of: the socket and the PDU, and once it is there the association.
    request: Any
    association: Association

    def _create_association(self) -> Association:
        accepted, request = self.request
        self.request = accepted
        association = super()._create_association()
        # It has announced the connection to the state machine; so does ours.
        association.dul.event_queue.get_nowait()
        association.dul.socket = Connection(
            association, accepted, request, association.network_timeout
        )
        association.dul.state_machine = States(association.dul)
        association.dimse = Messages(association)
        association.dul._run_loop_delay = _BETWEEN_S
        transfer = DataTransfer(association, association.dul.socket)
        association.dul._read_pdu_data, association.dul.send_pdu = transfer.read, transfer.send
        stop = association.dul.stop_dul
        # Nor is to be waited for what has ended, in whatever state.
        association.dul.stop_dul = lambda: not association.dul.is_alive() or stop()
        self.association = association
        return association
