"""What a hand-over came to: the acknowledgements of HL7 (2.5.1, 2.9.2), and what a server of FHIR
answers to a transaction (R4, 3.1.0.11).

Nothing that a receiver says in words is repeated: it may quote the patient.
"""

import json
import re
from typing import Any

from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.outcome.web import outcome_of_status
from dicom_node.errors import DestinationAway
from dicom_node.handover.acknowledgement import Acknowledgement
from dicom_node.web.exchange import Answer

_ACCEPTED = ("AA", "CA")
_REFUSING = ("AE", "AR", "CE", "CR")
#: Codes of table 0357: message type, event, processing id or version that it does not take; and
#: what may pass (a locked record, an internal error).
_NEVER = frozenset({"200", "201", "202", "203"})
_LATER = frozenset({"206", "207"})
_MEANT = {
    "100": "segment sequence error",
    "101": "required field missing",
    "102": "data type error",
    "103": "table value not found",
    "200": "unsupported message type",
    "201": "unsupported event code",
    "202": "unsupported processing id",
    "203": "unsupported version id",
    "204": "unknown key identifier",
    "205": "duplicate key identifier",
    "206": "application record locked",
    "207": "application internal error",
}
#: A code of FHIR's IssueType.
_ISSUE = re.compile(r"[a-z-]{1,32}")
#: A page, of whoever is there instead.
_NO_SERVER = ("text/html", "application/xhtml+xml")


def outcome_of_acknowledgement(
    said: Acknowledgement, destination: str, role: str, uid: str
) -> Outcome:
    """Of one that answers this very message."""
    if said.code in _ACCEPTED:
        return Outcome(Fate.DELIVERED)
    named = [f"{code} {_MEANT.get(code, '')}".rstrip() for code in said.errors]
    what = said.code if said.code in _REFUSING else "with a code that HL7 does not know"
    words = f"answered {what}" + (f" ({', '.join(named)})" if named else "")
    fate = Fate.A_FEW_TIMES
    if _LATER & set(said.errors):
        fate = Fate.AGAIN
    elif _NEVER & set(said.errors):
        fate = Fate.REFUSED
    return Outcome(fate, f"{destination}: {role} {uid}: {words}", in_doubt=False)


def outcome_of_transaction(answer: Answer, destination: str, role: str, uid: str) -> Outcome:
    """Raises DestinationUnavailable where the answer concerns whatever is sent."""
    if not 200 <= answer.status < 300:
        outcome = outcome_of_status(answer, destination, role, uid, "base")
        issue = _issue(answer.body)
        if issue and outcome.fate is not Fate.CLASS_REFUSED:
            message = f"{outcome.message} ({issue})"
            return Outcome(outcome.fate, message, in_doubt=outcome.in_doubt)
        return outcome
    if answer.content_type in _NO_SERVER:
        said = f"answered {answer.words} with {answer.content_type}: is base right?"
        raise DestinationAway(f"{destination}: {said}")
    # Who takes it as a webhook says no more than that.
    refused = [status for status in _statuses(answer.body) if not status.startswith("2")]
    if refused:
        words = f"answered {answer.words}, and {refused[0][:3]} for what is in it"
        return Outcome(Fate.A_FEW_TIMES, f"{destination}: {role} {uid}: {words}", in_doubt=False)
    return Outcome(Fate.DELIVERED)


def _statuses(body: bytes) -> list[str]:
    """Of each entry of a transaction's response; none where it is no such Bundle."""
    said = _object(body)
    entries = said.get("entry") if said.get("resourceType") == "Bundle" else None
    responses = [
        each.get("response") for each in (entries if isinstance(entries, list) else [])
        if isinstance(each, dict)
    ]  # fmt: skip
    return [
        str(each["status"])
        for each in responses
        if isinstance(each, dict) and str(each.get("status"))[:1].isdigit()
    ]


def _issue(body: bytes) -> str:
    """The code of the first issue of an OperationOutcome; its words may quote what was sent."""
    issues = _object(body).get("issue")
    first = issues[0] if isinstance(issues, list) and issues else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and _ISSUE.fullmatch(code) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
