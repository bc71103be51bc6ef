"""Whether a destination answers, asked with a C-ECHO (PS3.4 Annex A)."""

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from dicom_node.config import Destination
from dicom_node.delivery.association import associate

#: Seconds: a person waits for the answer.
TIMEOUT_S = 5.0


def echo(aet: str, to: Destination, timeout_s: float = TIMEOUT_S) -> str:
    """What `to` answered `aet`, for a person; raises DestinationUnavailable with the reason.

    One that takes associations but offers no Verification has answered all the same.
    """
    with associate(aet, to, [(Verification, ImplicitVRLittleEndian)], timeout_s) as association:
        status = association.echo(timeout_s)
    if status is None:
        return "takes associations, offers no C-ECHO"
    return "answers C-ECHO" if status == 0x0000 else f"answers C-ECHO with status {status:#06x}"
