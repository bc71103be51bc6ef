"""A transaction of FHIR R4: a DiagnosticReport and its Observations, told by identifiers of ours.

Each is a conditional update (FHIR R4, 3.1.0.4.3): the same news again changes nothing, a later
issue takes the place of an earlier one. Patient, order and study are referred to by their
identifiers; what a server has of them is its own affair, and a transaction never fails for them.
R4B's models are used for R4: of these resources nothing differs.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from fhir.resources.R4B.bundle import Bundle

from dicom_node.errors import InvalidResult
from dicom_node.handover.news import News, Standing
from dicom_node.handover.report import BOTH_LUNGS, Code, Figure, Issuer, Report
from sr_writer.equipment import derived_uid

#: FHIR R4 ImagingStudy.identifier: UIDs of DICOM are told so.
_UID_SYSTEM = "urn:dicom:uid"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
#: Systems, by Coding Scheme Designator (PS3.16 8, table 8-1).
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
}
_IMAGING_STUDY = ("http://loinc.org", "18748-4", "Diagnostic imaging study")
_STATUS = {
    Standing.PRELIMINARY: "preliminary",
    Standing.CORRECTED: "corrected",
    Standing.WITHDRAWN: "entered-in-error",
}
#: Of a decision, by its value in the SR.
_INTERPRETATION = {"52101004": "POS", "272519000": "NEG", "373068000": "IND"}
_INTERPRETED = {"POS": "Positive", "NEG": "Negative", "IND": "Indeterminate"}
_LUNG = ("http://snomed.info/sct", "39607008", "Lung")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
#: Those of which there is always an Observation, so that none is left of an earlier issue.
_LUNGS = ("Right lung", "Left lung")
_INFECTED_PERCENT = "INFPERC"


def transaction_of(news: News, patient_system: str | None = None) -> bytes:
    """The Bundle as JSON; the same news give the same bytes.

    `patient_system`: of the Patient ID; None: its issuer, where that is universal.
    """
    observations = dict(_observations(news, patient_system))
    report = _report(news, patient_system, list(observations))
    key = news.report.key
    whole = {
        "type": "transaction",
        "identifier": _uid(news.said_by),
        "timestamp": _instant(news.at),
        "entry": [
            _entry(_full_url(key), key, report),
            *(_entry(url, _uid_of(url), each) for url, each in observations.items()),
        ],
    }
    try:
        bundle = Bundle.model_validate(whole)
    except ValueError:
        # Not as the cause: a ValidationError quotes what it was given.
        raise InvalidResult(f"{news.report.uid} makes no transaction of FHIR") from None
    return str(bundle.model_dump_json(exclude_none=True)).encode("utf-8")


def _report(news: News, patient_system: str | None, results: Sequence[str]) -> dict[str, Any]:
    """A DiagnosticReport."""
    report = news.report
    withdrawn = news.standing is Standing.WITHDRAWN
    said = [report.conclusion, *report.comments]
    return {
        "resourceType": "DiagnosticReport",
        "identifier": [_uid(report.key), _uid(report.uid)],
        "status": _STATUS[news.standing],
        "basedOn": [_order(report)] if report.accession else None,
        "category": [_concept((f"{_TERMINOLOGY}/v2-0074", "RAD", "Radiology"))],
        "code": _concept(_IMAGING_STUDY, _coding(report.procedure)),
        "subject": _subject(report, patient_system),
        "effectiveDateTime": _studied(report),
        "issued": _instant(news.at),
        "result": [{"reference": each} for each in results],
        "imagingStudy": [_study(report)],
        "conclusion": f"Withdrawn: {news.why}." if withdrawn else "\n".join(said),
    }


def _observations(news: News, patient_system: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Full URL and Observation: the decision, and each lung."""
    report = news.report
    for group in (BOTH_LUNGS, *_LUNGS):
        figures = [each for each in report.figures if each.group == group]
        own = _decision(report, figures) if group == BOTH_LUNGS else _lung(group, figures)
        if news.standing is Standing.WITHDRAWN:
            # Who reads no status must not take it for a result.
            kept = {key: value for key, value in own.items() if key in ("code", "bodySite")}
            own = {**kept, "dataAbsentReason": _absent("error", "Error")}
        uid = derived_uid("handover", report.key, group)
        shared = {
            "resourceType": "Observation",
            "identifier": [_uid(uid)],
            "status": _STATUS[news.standing],
            "category": [_concept((f"{_TERMINOLOGY}/observation-category", "imaging", "Imaging"))],
            "subject": _subject(report, patient_system),
            "effectiveDateTime": _studied(report),
            "issued": _instant(news.at),
            "device": {
                "type": "Device",
                "identifier": _uid(report.device_uid),
                "display": f"{report.manufacturer} {report.model} {report.version}",
            },
            "derivedFrom": [_study(report)],
        }
        yield _full_url(uid), shared | own


def _decision(report: Report, figures: Sequence[Figure]) -> dict[str, Any]:
    name, value = report.verdict[0]
    flag = _INTERPRETATION.get(value.value)
    system = f"{_TERMINOLOGY}/v3-ObservationInterpretation"
    return {
        "code": _concept(_coding(name)),
        "bodySite": _concept(_LUNG),
        "valueCodeableConcept": _concept(_coding(value)),
        "interpretation": [_concept((system, flag, _INTERPRETED[flag]))] if flag else None,
        "note": [{"text": text} for text in (report.reason, *report.comments)],
        "component": [
            *({"code": _concept(_coding(concept)), "valueCodeableConcept": _concept(_coding(said))}
              for concept, said in report.verdict[1:]),
            *map(_measured, figures),
        ],
    }  # fmt: skip


def _lung(group: str, figures: Sequence[Figure]) -> dict[str, Any]:
    """The infected percentage, and what else was measured as its components."""
    percent = next((each for each in figures if each.name.value == _INFECTED_PERCENT), None)
    name = Code(_INFECTED_PERCENT, "99CXRNODE", "Infected lung area")
    value = (
        {"dataAbsentReason": _absent("unknown", "Unknown")}
        if percent is None
        else {"valueQuantity": _quantity(percent)}
    )
    others = [_measured(each) for each in figures if each is not percent]
    site = {"coding": [_as_coding(_LUNG)], "text": group}
    return {"code": _concept(_coding(name)), "bodySite": site, **value, "component": others or None}


def _measured(figure: Figure) -> dict[str, Any]:
    code: dict[str, Any] = _concept(_coding(figure.name))
    if figure.of is not None:
        code["text"] = f"{figure.name.meaning} of {figure.of.meaning.lower()}"
    return {"code": code, "valueQuantity": _quantity(figure)}


def _quantity(figure: Figure) -> dict[str, Any]:
    unit = figure.unit
    return {"value": figure.value, "unit": unit.meaning, "system": _SYSTEMS["UCUM"],
            "code": unit.value}  # fmt: skip


def _subject(report: Report, patient_system: str | None) -> dict[str, Any]:
    if not report.patient.id:
        return {"type": "Patient", "display": "not known"}
    identifier = _identifier(report.patient.id, report.patient.issuer)
    if patient_system is not None:
        identifier["system"] = patient_system
    return {"type": "Patient", "identifier": identifier}


def _order(report: Report) -> dict[str, Any]:
    identifier = _identifier(report.accession, report.accession_issuer)
    identifier["type"] = _concept((f"{_TERMINOLOGY}/v2-0203", "ACSN", "Accession ID"))
    return {"type": "ServiceRequest", "identifier": identifier}


def _identifier(value: str, issuer: Issuer) -> dict[str, Any]:
    found: dict[str, Any] = {"value": value}
    if system := _system(issuer):
        found["system"] = system
    if issuer.local:
        found["assigner"] = {"display": issuer.local}
    return found


def _system(issuer: Issuer) -> str | None:
    """The URI of an issuer that is universal (PS3.3 10.14); None where it names none."""
    name, kind = issuer.universal, issuer.universal_type
    if kind in ("ISO", "") and _OID.fullmatch(name):
        return f"urn:oid:{name}"
    if kind == "UUID" and _UUID.fullmatch(name):
        return f"urn:uuid:{name.lower()}"
    return name if kind == "URI" and _URI.fullmatch(name) else None


def _study(report: Report) -> dict[str, Any]:
    return {"type": "ImagingStudy", "identifier": _uid(report.study_uid)}


def _uid(uid: str) -> dict[str, Any]:
    return {"system": _UID_SYSTEM, "value": f"urn:oid:{uid}"}


def _absent(code: str, display: str) -> dict[str, Any]:
    return _concept((f"{_TERMINOLOGY}/data-absent-reason", code, display))


def _coding(code: Code) -> tuple[str, str, str]:
    # Our own scheme, by a UID of ours.
    system = _SYSTEMS.get(code.scheme) or f"urn:oid:{derived_uid('coding scheme', code.scheme)}"
    return system, code.value, code.meaning


def _concept(*codings: tuple[str, str, str]) -> dict[str, Any]:
    return {"coding": [_as_coding(each) for each in codings]}


def _as_coding(coding: tuple[str, str, str]) -> dict[str, str]:
    system, code, display = coding
    return {"system": system, "code": code, "display": display}


def _studied(report: Report) -> str | None:
    """FHIR's dateTime: a date, or with a time and its zone."""
    said = report.studied_at
    for form, length in (("%Y%m%d%H%M%S", 14), ("%Y%m%d%H%M", 12), ("%Y%m%d", 8)):
        if len(said) == length:
            try:
                at = datetime.strptime(said, form)
            except ValueError:
                return None
            whole = at.replace(tzinfo=report.zone)
            return f"{at:%Y-%m-%d}" if length == 8 else whole.isoformat()
    return None


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _entry(full_url: str, uid: str, resource: dict[str, Any]) -> dict[str, Any]:
    url = f"{resource['resourceType']}?identifier={_UID_SYSTEM}%7Curn:oid:{uid}"
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}}


def _full_url(uid: str) -> str:
    """A UID of ours is a UUID (PS3.5 B.2)."""
    return uuid.UUID(int=int(uid.removeprefix("2.25."))).urn


def _uid_of(full_url: str) -> str:
    return f"2.25.{uuid.UUID(full_url).int}"
