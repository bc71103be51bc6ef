"""The templates of PS3.16 that our reports follow, as tables, and whether a content tree does.

A row says how an item hangs below its parent, its value type, its concept name, how often it comes,
and what comes below it. What a template leaves to choice and we always write is required here. Rows
stand in the order of the template; rows that are ours (an extensible template takes them wherever
they make sense, PS3.16 6.2.5) stand where we put them. What matches no row is a fault.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydicom import Dataset

MOD, OBS, ACQ = "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a template; two that differ in nothing but their place cannot be told apart."""

    relationship: str
    value_type: str
    concept: str  #: "value scheme"; "*" for any
    least: int
    most: int
    below: tuple["Row", ...] = ()
    template: str = ""  #: that a CONTAINER names itself by

    def takes(self, item: Dataset) -> bool:
        same_type = item.ValueType == self.value_type
        return same_type and self.concept in ("*", concept_of(item))


MANY = 1000

ALGORITHM = (  # TID 4019
    Row(MOD, "TEXT", "111001 DCM", 1, 1),
    Row(MOD, "TEXT", "111003 DCM", 1, 1),
    Row(MOD, "TEXT", "122405 DCM", 1, 1),
    Row(MOD, "TEXT", "111002 DCM", 1, MANY),
)
OBSERVER = (  # TID 1002, 1004
    Row(OBS, "CODE", "121005 DCM", 1, 1),
    Row(OBS, "UIDREF", "121012 DCM", 1, 1),
    *(Row(OBS, "TEXT", f"{value} DCM", 1, 1) for value in (121013, 121014, 121015, 121016)),
)
PERSON = (  # TID 1002, 1003
    Row(OBS, "CODE", "121005 DCM", 1, 1),
    Row(OBS, "PNAME", "121008 DCM", 1, 1),
)
IMAGE_LIBRARY = (  # TID 1600, 1601, 1602, 1603
    Row(
        "CONTAINS", "CONTAINER", "126200 DCM", 1, MANY,
        (
            Row(
                "CONTAINS", "IMAGE", "260753009 SCT", 1, MANY,
                (
                    Row(ACQ, "CODE", "121139 DCM", 1, 1),
                    Row(ACQ, "NUM", "110910 DCM", 1, 1),
                    Row(ACQ, "NUM", "110911 DCM", 1, 1),
                    Row(ACQ, "TEXT", "111044 DCM", 0, 1),
                    Row(ACQ, "TEXT", "111043 DCM", 0, 1),
                    Row(ACQ, "NUM", "111026 DCM", 0, 1),
                    Row(ACQ, "NUM", "111066 DCM", 0, 1),
                ),
            ),
        ),
    ),
)  # fmt: skip
PLANAR_GROUP = (  # TID 1410, 1419, 300
    Row(OBS, "TEXT", "112039 DCM", 1, 1),
    Row(OBS, "UIDREF", "112040 DCM", 1, 1),
    Row("CONTAINS", "CODE", "276214006 SCT", 0, 1),
    Row("CONTAINS", "CODE", "121071 DCM", 1, 1),
    Row(
        "CONTAINS", "SCOORD", "111030 DCM", 1, 1,
        (Row("SELECTED FROM", "IMAGE", "*", 1, 1),),
    ),
    Row(MOD, "CODE", "363698007 SCT", 1, 1, (Row(MOD, "CODE", "272741003 SCT", 0, 1),)),
    *ALGORITHM,
    Row(OBS, "TEXT", "C2348792 UMLS", 0, 1),  # TID 1502
    Row(
        "CONTAINS", "NUM", "*", 0, MANY,
        (
            Row(MOD, "CODE", "*", 0, MANY),
            Row("INFERRED FROM", "IMAGE", "121112 DCM", 0, 1),
            *(Row(r.relationship, r.value_type, r.concept, 0, r.most) for r in ALGORITHM),
        ),
    ),
    Row("CONTAINS", "CODE", "840539006 SCT", 0, 1),
)  # fmt: skip
PRIOR_GROUP = (  # TID 1501, 1502
    Row(OBS, "TEXT", "112039 DCM", 1, 1),
    Row(OBS, "UIDREF", "112040 DCM", 1, 1),
    Row("CONTAINS", "CODE", "276214006 SCT", 1, 1),
    Row("CONTAINS", "CODE", "121071 DCM", 1, 1),
    Row(MOD, "CODE", "363698007 SCT", 1, 1, (Row(MOD, "CODE", "272741003 SCT", 1, 1),)),
    Row(OBS, "TEXT", "C2348792 UMLS", 1, 1),
    Row("CONTAINS", "NUM", "INFPERC 99CXRNODE", 1, 1),
    Row("CONTAINS", "IMAGE", "121112 DCM", 1, 1),
)
PREVIOUS = (  # ours
    Row("CONTAINS", "CONTAINER", "125007 DCM", 0, MANY, PRIOR_GROUP, "1501"),
    Row("CONTAINS", "COMPOSITE", "122075 DCM", 0, MANY),
    Row("CONTAINS", "TEXT", "121106 DCM", 0, MANY),
)
REPORT = (  # TID 1500, 1204, 1001
    Row(MOD, "CODE", "121049 DCM", 1, 1),
    *OBSERVER,
    Row(MOD, "CODE", "121058 DCM", 1, 1),
    Row("CONTAINS", "TEXT", "121077 DCM", 1, 1),  # ours: the conclusion
    Row("CONTAINS", "TEXT", "121106 DCM", 1, 1),  # ours: the notice
    Row("CONTAINS", "CONTAINER", "111028 DCM", 0, 1, IMAGE_LIBRARY),
    Row(
        "CONTAINS", "CONTAINER", "126010 DCM", 0, 1,
        (Row("CONTAINS", "CONTAINER", "125007 DCM", 1, MANY, PLANAR_GROUP, "1410"),),
    ),
    Row("CONTAINS", "CONTAINER", "18834-2 LN", 0, 1, PREVIOUS),
    Row(
        "CONTAINS", "CONTAINER", "C0034375 UMLS", 1, 1,
        (
            Row("CONTAINS", "CODE", "840539006 SCT", 1, 1),
            Row("CONTAINS", "CODE", "111017 DCM", 1, 1),
            Row("CONTAINS", "CODE", "111064 DCM", 1, 1),
            Row("CONTAINS", "TEXT", "*", 1, MANY),
        ),
    ),
)  # fmt: skip
KEY_OBJECTS = (  # TID 2010
    *OBSERVER,
    Row("CONTAINS", "TEXT", "113012 DCM", 1, 1),
    Row("CONTAINS", "IMAGE", "", 1, MANY),
)
#: What only networks have.
_OF_NETWORKS = {*ALGORITHM, *OBSERVER, *(Row("CONTAINS", "CODE", f"{value} DCM", 1, 1)
                                         for value in (111017, 111064))}  # fmt: skip


def _by_hand(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The same of a person's report, without what only networks have."""
    return tuple(replace(row, below=_by_hand(row.below)) for row in rows if row not in _OF_NETWORKS)


READERS_REPORT = (REPORT[0], *PERSON, *_by_hand(REPORT[1:]))
ROOT = {
    "1500": Row("", "CONTAINER", "126000 DCM", 1, 1, REPORT, "1500"),
    "2010": Row("", "CONTAINER", "113000 DCM", 1, 1, KEY_OBJECTS, "2010"),
}


def template_faults(document: Dataset, *, by_hand: bool = False) -> list[str]:
    """What of a document's content tree is not as its root template has it.

    `by_hand`: it is on what a reader has drawn.
    """
    template = document.ContentTemplateSequence[0]
    if template.MappingResource != "DCMR":
        return [f"the template is of {template.MappingResource}"]
    root = ROOT[template.TemplateIdentifier]
    below = READERS_REPORT if by_hand else root.below
    return list(_item_faults(document, replace(root, below=below), "root"))


def concept_of(item: Dataset) -> str:
    """Of the concept name "value scheme", and "" where the item has none."""
    names = item.get("ConceptNameCodeSequence")
    return f"{names[0].CodeValue} {names[0].CodingSchemeDesignator}" if names else ""


def _item_faults(item: Dataset, row: Row, where: str) -> Iterator[str]:
    if item.get("RelationshipType", "") != row.relationship:
        yield f"{where}: its relationship is {item.get('RelationshipType')}"
    if item.ValueType != row.value_type or row.concept not in ("*", concept_of(item)):
        yield f"{where}: it is a {item.ValueType} of {concept_of(item)}"
    if row.template:
        named = [t.TemplateIdentifier for t in item.get("ContentTemplateSequence", ())]
        if named != [row.template]:
            yield f"{where}: it names the template {named}"
    if not _has_value(item):
        yield f"{where}: its value is not complete"
    yield from _children_faults(list(item.get("ContentSequence", ())), row.below, where)


def _children_faults(items: Sequence[Dataset], rows: Sequence[Row], where: str) -> Iterator[str]:
    counts: Counter[int] = Counter()
    reached = 0
    for item in items:
        name = f"{where} > {item.ValueType} {concept_of(item)}"
        place = next((n for n, row in enumerate(rows) if row.takes(item)), None)
        if place is None:
            yield f"{name}: no row of the template is this"
            continue
        if place < reached:
            yield f"{name}: it stands after what comes later in the template"
        reached = max(reached, place)
        counts[place] += 1
        yield from _item_faults(item, rows[place], name)
    for place, row in enumerate(rows):
        if not row.least <= counts[place] <= row.most:
            yield f"{where} > {row.value_type} {row.concept}: it is there {counts[place]} times"


def _has_value(item: Dataset) -> bool:
    """Whether the item has what its value type demands (PS3.3 C.17.3.2, C.18)."""
    match item.ValueType:
        case "CONTAINER":
            return item.get("ContinuityOfContent") in ("CONTINUOUS", "SEPARATE")
        case "PNAME":
            return bool(item.get("PersonName"))
        case "TEXT":
            return bool(item.get("TextValue"))
        case "UIDREF":
            return bool(item.get("UID"))
        case "CODE":
            return _is_coded(item.get("ConceptCodeSequence"))
        case "NUM":
            values = item.get("MeasuredValueSequence")
            return bool(values) and _is_coded(values[0].get("MeasurementUnitsCodeSequence"))
        case "IMAGE" | "COMPOSITE":
            return len(item.get("ReferencedSOPSequence", ())) == 1
        case "SCOORD":
            return bool(item.get("GraphicType")) and bool(item.get("GraphicData"))
    return False


def _is_coded(sequence: Sequence[Dataset] | None) -> bool:
    keywords = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
    if sequence is None or len(sequence) != 1:
        return False
    return all(sequence[0].get(keyword) for keyword in keywords)
