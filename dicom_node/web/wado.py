"""The Retrieve transaction for one instance (PS3.18 10.4): its bytes, as the server keeps them."""

from dicom_node.web.exchange import Answer

#: In whatever transfer syntax it is there: nothing is to be compressed anew for us.
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PART10 = "application/dicom"
_MULTIPART = "multipart/related"


def of_instance(
    studies: str, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
) -> str:
    """The URL to ask at, below the Studies resource."""
    series = f"{studies}/{study_instance_uid}/series/{series_instance_uid}"
    return f"{series}/instances/{sop_instance_uid}"


def part10(answer: Answer) -> bytes | None:
    """The file in an answer; None where it is no such answer.

    The boundary (RFC 2046 5.1.1) is read where it stands: every part begins with it.
    """
    if answer.content_type == _PART10:
        return answer.body
    body = answer.body.lstrip(b"\r\n")
    delimiter, ended, _ = body.partition(b"\r\n")
    if answer.content_type != _MULTIPART or not ended or not delimiter.startswith(b"--"):
        return None
    _, ended, content = body.partition(b"\r\n\r\n")
    content, closed, _ = content.partition(b"\r\n" + delimiter.rstrip())
    return content if ended and closed else None
