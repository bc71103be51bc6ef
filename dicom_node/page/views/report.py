"""The Structured Report as a reader sees it, from its bytes (PS3.3 C.17.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset, dcmread

#: 121077, DCM, Conclusion; 121106, DCM, Comment: of the root, what somebody in a hurry reads.
_CONCLUSION, _COMMENT = "121077", "121106"
#: Of the root, who observed, in which language, of which image: said elsewhere on the page.
_LEFT_OUT = ("HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT")
_IMAGE_LIBRARY = "111028"
#: 112039, DCM, Tracking Identifier: what a measurement group is of, in a word.
_TRACKING = "112039"
#: By which algorithm: the same for all reports of a node (TID 4019).
_ALGORITHM = ("111001", "111002", "111003", "122405")
_POINTERS = ("IMAGE", "COMPOSITE", "UIDREF", "SCOORD", "SCOORD3D", "TCOORD", "WAVEFORM")
#: Deeper is no report of ours.
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a report, and those below it."""

    name: str
    value: str
    items: tuple["Item", ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What it says."""

    conclusion: str
    comments: tuple[str, ...]
    items: tuple[Item, ...]


def read_report(content: bytes) -> Report:
    root = dcmread(BytesIO(content))
    said = {_CONCLUSION: [""], _COMMENT: [""]}
    for child in root.get("ContentSequence", ()):
        if child.ValueType == "TEXT" and (code := _code(child)) in said:
            said[code].append(str(child.TextValue))
    items = tuple(_items(root, 0, (_CONCLUSION, _COMMENT, _IMAGE_LIBRARY)))
    return Report(said[_CONCLUSION][-1], tuple(filter(None, said[_COMMENT])), items)


def _items(parent: Dataset, depth: int, left_out: tuple[str, ...] = ()) -> Iterator[Item]:
    for child in parent.get("ContentSequence", ()) if depth < _DEEPEST else ():
        kind = str(child.get("ValueType", ""))
        if (
            kind in _POINTERS
            or _code(child) in left_out
            or (depth == 0 and child.get("RelationshipType") in _LEFT_OUT)
        ):
            continue
        below = tuple(_items(child, depth + 1, (_TRACKING, *_ALGORITHM)))
        value = _value(child, kind) or _tracked(child)
        if value or below:
            yield Item(_name(child), value, below)


def _tracked(group: Dataset) -> str:
    """`Left lung`: which of several groups it is."""
    return next(
        (str(one.TextValue) for one in group.get("ContentSequence", ()) if _code(one) == _TRACKING),
        "",
    )


def _value(item: Dataset, kind: str) -> str:
    match kind:
        case "TEXT":
            return str(item.get("TextValue", ""))
        case "CODE":
            return _meaning(item.get("ConceptCodeSequence"))
        case "NUM":
            return _number(item)
        case "DATE" | "TIME" | "DATETIME" | "PNAME":
            keyword = {"DATE": "Date", "TIME": "Time", "DATETIME": "DateTime",
                       "PNAME": "PersonName"}[kind]  # fmt: skip
            return str(item.get(keyword, ""))
    return ""


def _number(item: Dataset) -> str:
    measured = item.get("MeasuredValueSequence")
    if not measured:
        return _meaning(item.get("NumericValueQualifierCodeSequence")) or "not known"
    unit = measured[0].get("MeasurementUnitsCodeSequence")
    code = str(unit[0].get("CodeValue", "")) if unit else ""
    # Annotations of UCUM stand in braces: no unit, but a word for one.
    word = {"1": "", "{0:4}": "of 4"}.get(code, code.strip("{}"))
    value = f"{float(measured[0].NumericValue):.2f}".rstrip("0").rstrip(".")
    return f"{value} {word}".strip()


def _name(item: Dataset) -> str:
    return _meaning(item.get("ConceptNameCodeSequence"))


def _meaning(codes: object) -> str:
    return str(codes[0].get("CodeMeaning", "")) if codes else ""  # type: ignore[index]


def _code(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""
