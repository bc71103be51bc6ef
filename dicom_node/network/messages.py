"""The DIMSE messages of an accepted association (PS3.7), bounded, and served one after another.

pynetdicom collects command sets and data sets without an end, and starts a thread for every
N-EVENT-REPORT that comes.
"""

from io import BytesIO

from pynetdicom import evt
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

#: Bytes of a command set: ten elements, of which four are UIDs (PS3.7 9.3.1 and 10.3.1).
LONGEST_COMMAND = 16 * 1024
#: Bytes of the data set of what is no C-STORE: a report on two thousand instances.
LONGEST_REPORT = 256 * 1024


class Messages(DIMSEServiceProvider):  # type: ignore[misc]  # untyped
    """What comes by one association: where it is too much, the association is aborted."""

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

    def _has_command_in_bounds(self, message: DIMSEMessage, primitive: P_DATA) -> bool:
        # PS3.8 E.2: the first byte says whether what follows is of the command.
        more = sum(
            len(value)
            for _, value in primitive.presentation_data_value_list
            if value and value[0] & 1
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
        self.msg_queue.put((message.context_id, request))

    def _give_up(self, why: str) -> None:
        """Invalid PDU: what is sent for that is an A-ABORT (PS3.8 table 9-10, AA-8)."""
        self.message = None
        self.assoc.dul.socket.fault = why
        self.dul.event_queue.put("Evt19")


def _size(content: BytesIO | None) -> int:
    return 0 if content is None else content.tell()
