"""The DIMSE messages of an accepted association (PS3.7), bounded, and served one after another.

pynetdicom collects command sets and data sets without an end, and starts a thread for every
N-EVENT-REPORT that comes.
"""

import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

if TYPE_CHECKING:
    from dicom_node.network.connection import Connection

#: Bytes of a command set: ten elements, of which four are UIDs (PS3.7 9.3.1 and 10.3.1).
LONGEST_COMMAND = 16 * 1024
#: Bytes of the data set of what is no C-STORE: a report on two thousand instances.
LONGEST_REPORT = 256 * 1024
#: Seconds between two looks of a thread for what nobody tells it, as that the node stops.
LOOK_S = 0.1
#: Bits of a message control header (PS3.8 E.2).
_OF_COMMAND, _IS_LAST = 1, 2


class Messages(DIMSEServiceProvider):  # type: ignore[misc]  # untyped
    """What comes by one association: where it is too much, the association is aborted.

    Two threads serve an association; pynetdicom's look a thousand times a second whether the other
    has something for them. Here each waits until the other says so.
    """

    def __init__(self, association: Association) -> None:
        super().__init__(association)
        self._context_id = 0  #: of the first value of the message that is coming
        self._something_came = threading.Event()
        #: Set while no message is being served, nor waits for it.
        self.all_served = threading.Event()
        self.all_served.set()

    def notice(self) -> None:
        """Called by the thread that reads: there may be something for the one that serves."""
        self._something_came.set()

    def get_msg(self, block: bool = False) -> tuple[int | None, Any]:
        """Called by the thread that serves, again and again: what it took before is served."""
        if self.msg_queue.empty():
            self.all_served.set()
            self._something_came.wait(LOOK_S)
        self._something_came.clear()
        context_id, message = super().get_msg(block)
        return context_id, message

    def send_msg(self, primitive: object, context_id: int) -> None:
        """An answer, after which the peer may send more."""
        super().send_msg(primitive, context_id)
        if self.msg_queue.empty():
            self.all_served.set()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Part of a message, or its end: then it waits in the queue until it is served."""
        message: DIMSEMessage = self.message or DIMSEMessage()
        self.message: DIMSEMessage | None = message
        is_whole = self._has_command_in_bounds(message, primitive) and message.decode_msg(
            primitive, self.assoc
        )
        if not isinstance(message, C_STORE_RQ) and _size(message.data_set) > LONGEST_REPORT:
            self._give_up(f"the data set of a message is longer than {LONGEST_REPORT} bytes")
        elif is_whole:
            self.message = None
            self._queue(message)

    def receive_value(
        self, context_id: int, control: int, count: int, connection: "Connection"
    ) -> None:
        """One presentation data value, of which `count` bytes are to be read yet (PS3.8 E.2).

        Raises OSError.
        """
        message = self.message
        if message is None:
            self._context_id = context_id
        elif context_id != self._context_id:
            # A data set would be taken for one in the transfer syntax of the command's.
            self._give_up("a message is of two presentation contexts")
            return
        if isinstance(message, C_STORE_RQ) and not control & _OF_COMMAND:
            connection.recv_into(message.data_set, count)
            if control & _IS_LAST:
                self.message = None
                self._queue(message)
            return
        fragment = BytesIO()
        fragment.write(bytes([control]))
        connection.recv_into(fragment, count)
        primitive = P_DATA()
        primitive.presentation_data_value_list.append((context_id, fragment.getvalue()))
        try:
            self.receive_primitive(primitive)
        except Exception as exc:
            # Of hostile bytes pynetdicom raises what it likes.
            self._give_up(f"a message cannot be read ({type(exc).__name__})")

    def _has_command_in_bounds(self, message: DIMSEMessage, primitive: P_DATA) -> bool:
        more = sum(
            len(value)
            for _, value in primitive.presentation_data_value_list
            if value and value[0] & _OF_COMMAND
        )
        if _size(message.encoded_command_set) + more <= LONGEST_COMMAND:
            return True
        self._give_up(f"a command set is longer than {LONGEST_COMMAND} bytes")
        return False

    def _queue(self, message: DIMSEMessage) -> None:
        evt.trigger(self.assoc, evt.EVT_DIMSE_RECV, {"message": message})
        try:
            request = message.message_to_primitive()
        except Exception as exc:
            # Of hostile bytes pynetdicom raises what it likes.
            self._give_up(f"a message cannot be read ({type(exc).__name__})")
            return
        if isinstance(request, C_CANCEL):
            # Nothing here can be cancelled, nor is one answered (PS3.7 9.3.2.3).
            return
        if _number(request) is None:
            # An answer would say of which (PS3.7 9.1.1.1.1); pynetdicom gives none, and waits.
            self._give_up("a message has no Message ID: it could not be answered")
            return
        self.msg_queue.put((message.context_id, request))
        self.all_served.clear()
        self.notice()

    def _give_up(self, why: str) -> None:
        """Invalid PDU: what is sent for that is an A-ABORT (PS3.8 table 9-10, AA-8)."""
        self.message = None
        self.assoc.dul.socket.fault = why
        self.dul.event_queue.put("Evt19")


def _number(message: object) -> int | None:
    """Of a request, or of the request that a response is to."""
    own: int | None = getattr(message, "MessageID", None)
    other: int | None = getattr(message, "MessageIDBeingRespondedTo", None)
    return own if own is not None else other


def _size(content: BytesIO | None) -> int:
    return 0 if content is None else content.tell()
