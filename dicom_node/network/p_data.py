"""P-DATA-TF PDUs, read straight into the message that they are of, and sent by whoever answers
(PS3.8 9.3.5 and Annex E).

pynetdicom copies what comes six times over: into a PDU, its items, their primitives, fragments
and a message. Of a radiograph of 15 MB that took longer than to receive it. And it hands each
answer to the thread that reads, which is to be woken first.
"""

import ssl
import struct
from typing import TYPE_CHECKING

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA

if TYPE_CHECKING:
    from dicom_node.network.connection import Connection

_DATA = 0x04
#: PS3.8 9.2.1: association established, ready for data transfer.
ESTABLISHED = "Sta6"
#: PS3.8 9.3.1: type, reserved, length of the rest.
_HEAD = struct.Struct(">BxL")
#: PS3.8 9.3.5.1 and E.2: length of what follows; presentation context, message control header.
_VALUE = struct.Struct(">LBB")
#: Of a value's length, the bytes of context and header.
_BOTH = 2


class DataTransfer:
    """How an association reads and sends while it is established, in place of pynetdicom's way."""

    def __init__(self, association: Association, connection: "Connection") -> None:
        self._association = association
        self._connection = connection
        self._read_other = association.dul._read_pdu_data
        self._send_other = association.dul.send_pdu

    def send(self, primitive: object) -> None:
        """Called by the thread that serves; the one that reads sends whatever is no P-DATA, and all
        by TLS.
        """
        dul = self._association.dul
        established = dul.state_machine.current_state == ESTABLISHED
        # OpenSSL is not to be called by two threads at once for one connection, and the other may
        # be reading what a sender has sent ahead.
        secured = isinstance(self._connection.socket, ssl.SSLSocket)
        if isinstance(primitive, P_DATA) and established and not secured:
            # Action DT-1 (PS3.8 table 9-8).
            dul._send(P_DATA_TF(primitive))
        else:
            self._send_other(primitive)

    def read(self) -> None:
        """The next PDU, and those of the same message that are there already.

        Whatever is no P-DATA-TF PDU of an established association, pynetdicom reads.
        """
        dul, messages = self._association.dul, self._association.dimse
        self._read_one()
        while messages.message is not None and dul.event_queue.empty() and self._connection.ready:
            # It comes: pynetdicom, which aborts whom it takes for silent, does not see it.
            dul._idle_timer.restart()
            self._read_one()

    def _read_one(self) -> None:
        dul, connection = self._association.dul, self._connection
        if dul.state_machine.current_state != ESTABLISHED:
            self._read_other()
            return
        try:
            head = connection.recv(_HEAD.size)
            if len(head) < _HEAD.size or head[0] != _DATA:
                connection.unread(head)
                self._read_other()
                return
            _, length = _HEAD.unpack(head)
            connection.check_length(length)
            fault = self._read_values(length)
        except OSError:
            # Transport connection closed (PS3.8 table 9-10).
            dul.event_queue.put("Evt17")
            return
        if fault:
            connection.fault = fault
            dul.event_queue.put("Evt19")
        evt.trigger(self._association, evt.EVT_PDU_RECV, {"pdu": None})

    def _read_values(self, left: int) -> str:
        """The presentation data values of a PDU; what is wrong with it, or ""."""
        dul, messages = self._association.dul, self._association.dimse
        while left and dul.event_queue.empty():
            if left < _VALUE.size:
                return "a P-DATA-TF PDU ends within the head of a value"
            head = self._connection.recv(_VALUE.size)
            if len(head) < _VALUE.size:
                raise ConnectionError("closed within a PDU")
            size, context_id, control = _VALUE.unpack(head)
            left -= _VALUE.size + size - _BOTH
            if size < _BOTH or left < 0:
                return f"a value of {size} bytes in a P-DATA-TF PDU that has fewer"
            messages.receive_value(context_id, control, size - _BOTH, self._connection)
        return ""
