"""Search transactions (PS3.18 10.6): has a server an instance, and what has it of a patient?"""

import json
from typing import Any
from urllib.parse import urlencode

ACCEPT = "application/dicom+json"
_SOP_INSTANCE_UID = "00080018"
#: UID of no study (PS3.5 B.2, of a UUID of zeros): a question that costs a server nothing.
NO_STUDY = "2.25.0"
#: Of one patient that are asked for at once.
MOST_STUDIES = 200


def of_instance(studies: str, study_instance_uid: str, sop_instance_uid: str) -> str:
    """The URL to ask at, below the Studies resource."""
    query = urlencode({"SOPInstanceUID": sop_instance_uid})
    return f"{studies}/{study_instance_uid}/instances?{query}"


def of_no_study(studies: str) -> str:
    """The URL of a question that finds nothing: it shows whether one may ask."""
    return f"{studies}?{urlencode({'StudyInstanceUID': NO_STUDY, 'limit': 1})}"


def of_patient(studies: str, patient_id: str, dates: str) -> str:
    """The URL of a question for a patient's studies within `dates`, YYYYMMDD-YYYYMMDD."""
    query = {"PatientID": patient_id, "StudyDate": dates, "limit": MOST_STUDIES}
    fields = [("includefield", one) for one in ("00100020", "00100021", "00100030", "00100040")]
    return f"{studies}?{urlencode([*query.items(), *fields])}"


def of_study(studies: str, study_instance_uid: str) -> str:
    """For its series."""
    return f"{studies}/{study_instance_uid}/series?{urlencode({'includefield': '00080060'})}"


def of_series(studies: str, study_instance_uid: str, series_instance_uid: str) -> str:
    """For its instances."""
    return f"{studies}/{study_instance_uid}/series/{series_instance_uid}/instances"


def found(body: bytes, sop_instance_uid: str) -> bool | None:
    """Whether an answer to `of_instance` holds it; None where it is no such answer.

    Some servers overlook what they do not know in a query, and give all instances.
    """
    shown = matches(body)
    return None if shown is None else any(_uid(match) == sop_instance_uid for match in shown)


def matches(body: bytes) -> list[Any] | None:
    """What an answer shows, each in the JSON of PS3.18 Annex F; None where it is no such answer."""
    if not body.strip():
        return []
    try:
        shown = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return shown if isinstance(shown, list) else None


def _uid(match: object) -> str:
    element = match.get(_SOP_INSTANCE_UID) if isinstance(match, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
