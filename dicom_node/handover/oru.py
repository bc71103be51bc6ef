"""ORU^R01 of HL7 2.5.1 (chapters 2 and 7): the message, and what it was acknowledged with.

Every element that a site may want to map has one place: accession number OBR-18 (as IHE's Scheduled
Workflow has it), Study Instance UID an OBX, the decision the first OBX with its flag in OBX-8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import hl7

from dicom_node.handover.acknowledgement import Acknowledgement
from dicom_node.handover.news import News, Standing
from dicom_node.handover.report import BOTH_LUNGS, COVID_19, Code, Issuer, Name, Report, printable

_Any = TypeVar("_Any", bound=Sequence[object])
#: A component, or the subcomponents of one.
Part = str | tuple[str, ...]
#: What a field is made of: a text, components, or several repetitions of these.
Value = str | tuple[Part, ...] | list[tuple[Part, ...]]

#: HL7 2.5.1, 2.5.4: field, component, repetition, escape and subcomponent.
_SEPARATORS = "|^~\\&"
#: 2.7.1. python-hl7's own escape turns all beyond ASCII into \\X..\\ of code points, which is no
#: encoding that MSH-18 can name.
_ESCAPED = {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "\\": "\\E\\", "&": "\\T\\"}
_TIME = "%Y%m%d%H%M%S%z"
_IMAGING_STUDY = ("18748-4", "Diagnostic imaging study", "LN")
_IMPRESSION = ("19005-8", "Radiology Imaging study [Impression] (narrative)", "LN")
_CONCLUSION = ("121077", "Conclusion", "DCM")
_SUMMARY = ("121111", "Summary", "DCM")
_STUDY_UID = ("110180", "Study Instance UID", "DCM")
_REPORT_UID = ("", "SR Instance UID")  # as IHE RAD-28 has it
#: OBR-25 (table 0123) and OBX-11 (table 0085).
_STATUS = {
    Standing.PRELIMINARY: ("P", "P"),
    Standing.CORRECTED: ("C", "C"),
    Standing.WITHDRAWN: ("X", "W"),
}
#: OBX-8 (table 0078) of a decision, by its value in the SR.
_FLAG = {("52101004", "SCT"): "A", ("272519000", "SCT"): "N"}
_SEXES = {"M": "M", "F": "F", "O": "O"}
#: OBX-4 has 20 characters.
_SUB_ID_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Parties:
    """MSH-3 to 6 and MSH-11."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    processing_id: str = "P"


def message_of(news: News, parties: Parties) -> bytes:
    """The message, UTF-8; the same news give the same bytes."""
    segments = [
        _header(news, parties),
        _patient(news.report),
        _visit(news.report),
        *_order(news, parties),
        *_notes(news),
        *_results(news),
    ]
    message = hl7.Message(separators=f"\r{_SEPARATORS[0]}~^&", esc="\\")
    message.extend(_segment(message, *fields) for fields in segments)
    return str(message).encode("utf-8")


def read_acknowledgement(content: bytes) -> Acknowledgement | None:
    """None where it is no acknowledgement."""
    try:
        message = hl7.parse(content.decode("utf-8", "replace"))
        msa = message.segment("MSA")
        errors = [_first(msa, 6)]
        for segment in message:
            if str(segment[0]) == "ERR":
                # Since 2.5 ERR-3; before, the fourth component of ERR-1.
                errors += [_first(segment, 3), _first(segment, 1, 4)]
        known = tuple(dict.fromkeys(each for each in errors if each.isdigit() and len(each) == 3))
        return Acknowledgement(_first(msa, 1), _first(msa, 2), known)
    except Exception:
        # Of odd bytes python-hl7 raises what it likes.
        return None


def _first(segment: hl7.Segment, field: int, component: int = 1) -> str:
    """Of the first repetition; "" where there is none."""
    if field >= len(segment):
        return ""
    components = str(segment[field]).split("~")[0].split("^")
    said = components[component - 1] if component <= len(components) else ""
    return said.split("&")[-1].strip() if component > 1 else said.strip()


def _header(news: News, parties: Parties) -> tuple[Value, ...]:
    return (
        "MSH",
        _SEPARATORS[1:],
        parties.sending_application,
        parties.sending_facility,
        parties.receiving_application,
        parties.receiving_facility,
        # Of the report, not of the attempt: a repetition is the same, byte by byte.
        news.at.strftime(_TIME),
        "",
        ("ORU", "R01", "ORU_R01"),
        news.control_id,
        parties.processing_id,
        "2.5.1",
        *("",) * 5,
        "UNICODE UTF-8",
    )


def _patient(report: Report) -> tuple[Value, ...]:
    patient = report.patient
    identifier: Value = [(patient.id, "", "", _hd(patient.issuer), "PI")] if patient.id else ""
    names: Value = [_xpn(name) for name in patient.names] or ""
    sex = _SEXES.get(patient.sex, "U")
    return ("PID", "1", "", identifier, "", names, "", patient.birth_date, sex)


def _visit(report: Report) -> tuple[Value, ...]:
    referring: Value = [_xcn(name) for name in report.referring] or ""
    # PV1-2 must be there (table 0004): unknown.
    return ("PV1", "1", "U", *("",) * 5, referring, *("",) * 10, report.admission)


def _order(news: News, parties: Parties) -> Iterator[tuple[Value, ...]]:
    """ORC and OBR."""
    report = news.report
    filler = (report.key, parties.sending_application)
    referring: Value = [_xcn(name) for name in report.referring] or ""
    yield "ORC", "RE", "", filler
    yield (
        "OBR",
        "1",
        "",
        filler,
        (*_IMAGING_STUDY, *_ce(report.procedure)),
        "",
        "",
        _studied(report),
        *("",) * 8,
        referring,
        "",
        report.accession,
        *("",) * 3,
        news.at.strftime(_TIME),
        "",
        "RAD",
        _STATUS[news.standing][0],
    )


def _notes(news: News) -> Iterator[tuple[Value, ...]]:
    """What the result is to be read with: for research, cautions; and why it is withdrawn."""
    said = list(news.report.comments)
    if news.standing is Standing.WITHDRAWN:
        said.insert(0, f"Withdrawn: {news.why}.")
    for number, comment in enumerate(said, 1):
        yield "NTE", str(number), "L", comment


def _results(news: News) -> Iterator[tuple[Value, ...]]:
    """Decision, conclusion, figures, and what they are of."""
    report = news.report
    for number, observation in enumerate(_observations(report), 1):
        kind, name, sub_id, value, unit, flag = observation
        is_withdrawn = news.standing is Standing.WITHDRAWN
        # The identity of what is withdrawn stays, its values do not: who reads no OBX-11 must not
        # take them for a result.
        is_kept = not is_withdrawn or name in (_STUDY_UID, _REPORT_UID)
        yield (
            "OBX",
            str(number),
            kind,
            name,
            sub_id,
            value if is_kept else "",
            unit if is_kept else "",
            "",
            "" if is_withdrawn else flag,
            *("",) * 2,
            _STATUS[news.standing][1],
            *("",) * 2,
            _studied(report),
            *("",) * 3,
            (f"{report.model} {report.version}", report.manufacturer, report.device_uid, "ISO"),
        )


_Observation = tuple[str, tuple[str, ...], str, Value, Value, str]


def _observations(report: Report) -> Iterator[_Observation]:
    """OBX-2, 3, 4, 5, 6 and 8 of each; COVID-19 first."""
    for name, value in report.verdict:
        flag = _FLAG.get((value.value, value.scheme), "") if name.is_(COVID_19) else ""
        yield "CE", _ce(name), "", _ce(value), "", flag
    yield "TX", (*_CONCLUSION, *_IMPRESSION), "", report.conclusion, "", ""
    yield "TX", _SUMMARY, "", report.reason, "", ""
    for figure in report.figures:
        sub_id = "Both lungs" if figure.group == BOTH_LUNGS else figure.group
        if figure.of is not None:
            sub_id = f"{sub_id} {figure.of.meaning.lower()}"
        unit = _ce(figure.unit)
        yield "NM", _ce(figure.name), sub_id[:_SUB_ID_LENGTH], figure.value, unit, ""
    yield "ST", _STUDY_UID, "", report.study_uid, "", ""
    yield "ST", _REPORT_UID, "", report.uid, "", ""


def _studied(report: Report) -> str:
    if len(report.studied_at) <= 8:
        return report.studied_at
    offset = report.created.strftime("%z")
    return f"{report.studied_at}{offset}"


def _ce(code: Code) -> tuple[str, ...]:
    return code.value, code.meaning, code.scheme


def _hd(issuer: Issuer) -> tuple[str, ...]:
    return issuer.local, issuer.universal, issuer.universal_type


def _xpn(name: Name) -> tuple[str, ...]:
    return (name.family, name.given, name.middle, name.suffix, name.prefix, "", "L", name.writing)


def _xcn(name: Name) -> tuple[str, ...]:
    return ("", *_xpn(name)[:5])


def _segment(message: hl7.Message, *fields: Value) -> hl7.Segment:
    segment = message.create_segment([])
    for number, value in enumerate(_trimmed(fields)):
        if fields[0] == "MSH" and number == 1:
            # MSH-1 is the separator itself, and neither is escaped.
            segment.append(message.create_field([_SEPARATORS[0]]))
            segment.append(message.create_field([value]))
        else:
            segment.append(_field(message, value))
    return segment


def _field(message: hl7.Message, value: Value) -> hl7.Field:
    repetitions: Sequence[tuple[Part, ...]]
    repetitions = value if isinstance(value, list) else [_parts(value)]
    return message.create_field(
        [message.create_repetition([_component(message, part) for part in _trimmed(parts)])
         for parts in repetitions]
    )  # fmt: skip


def _component(message: hl7.Message, part: Part) -> hl7.Component:
    return message.create_component([_escaped(str(each)) for each in _trimmed(_parts(part))])


def _parts(value: str | tuple[Part, ...]) -> tuple[Part, ...]:
    return (value,) if isinstance(value, str) else value


def _trimmed(parts: tuple[_Any, ...]) -> tuple[_Any, ...]:
    """Without what is empty at the end (2.6)."""
    end = len(parts)
    while end > 1 and not any(parts[end - 1]):
        end -= 1
    return parts[:end]


def _escaped(text: str) -> str:
    """What would end a field, and a message (\\r, MLLP's \\x0b and \\x1c), made harmless."""
    return "".join(_ESCAPED.get(character, character) for character in printable(text))
