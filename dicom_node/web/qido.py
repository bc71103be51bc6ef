"""A Search transaction for one instance (PS3.18 10.6): does a server have it?"""

import json
from urllib.parse import urlencode

ACCEPT = "application/dicom+json"
_SOP_INSTANCE_UID = "00080018"
#: UID of no study (PS3.5 B.2, of a UUID of zeros): a question that costs a server nothing.
NO_STUDY = "2.25.0"


def of_instance(studies: str, study_instance_uid: str, sop_instance_uid: str) -> str:
    """The URL to ask at, below the Studies resource."""
    query = urlencode({"SOPInstanceUID": sop_instance_uid})
    return f"{studies}/{study_instance_uid}/instances?{query}"


def of_no_study(studies: str) -> str:
    """The URL of a question that finds nothing: it shows whether one may ask."""
    return f"{studies}?{urlencode({'StudyInstanceUID': NO_STUDY, 'limit': 1})}"


def found(body: bytes, sop_instance_uid: str) -> bool | None:
    """Whether an answer to `of_instance` holds it; None where it is no such answer.

    Some servers overlook what they do not know in a query, and give all instances.
    """
    if not body.strip():
        return False
    try:
        matches = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(matches, list):
        return None
    return any(_uid(match) == sop_instance_uid for match in matches)


def _uid(match: object) -> str:
    element = match.get(_SOP_INSTANCE_UID) if isinstance(match, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
