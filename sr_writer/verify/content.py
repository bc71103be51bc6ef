"""Reading a content tree (PS3.3 C.17.3) again, by codes, and IHE AI Results 6.5.3.1 on it."""

from collections.abc import Iterable, Iterator

from pydicom import Dataset
from pydicom.sr.coding import Code

from sr_writer import codes
from sr_writer.identity import Identity
from sr_writer.verify.instance import has_code, processing_equipment

#: The content items that repeat the manufacturer, model name, version and device UID.
_EQUIPMENT_ITEMS = (
    (codes.DEVICE_OBSERVER_MANUFACTURER, codes.ALGORITHM_MANUFACTURER),
    (codes.DEVICE_OBSERVER_MODEL, codes.ALGORITHM_NAME),
    (codes.ALGORITHM_VERSION,),
    (codes.DEVICE_OBSERVER_UID,),
)


def equipment_faults(dataset: Dataset) -> Iterator[str]:
    """IHE AI Results 6.5.3.1: content items equal the Contributing Equipment Sequence."""
    contributed = list(zip(*processing_equipment(dataset), strict=True))
    for place, names in enumerate(_EQUIPMENT_ITEMS):
        for item in items_below(dataset):
            value = item.get("TextValue") or item.get("UID")
            if any(is_named(item, name) for name in names) and value not in contributed[place]:
                yield f"{value} is not in the Contributing Equipment Sequence"


def evidence_faults(dataset: Dataset, expected: set[str]) -> Iterator[str]:
    """Whether the evidence is exactly the instances that `expected` names."""
    if referenced(dataset.CurrentRequestedProcedureEvidenceSequence) != expected:
        yield f"its evidence is not {' and '.join(sorted(expected))}"


def predecessor_faults(dataset: Dataset, identity: Identity) -> Iterator[str]:
    """Whether it takes the place of exactly the reports that it is to."""
    expected = {one.sop_instance_uid for one in identity.issue.predecessors}
    if referenced(dataset.get("PredecessorDocumentsSequence") or ()) != expected:
        yield f"its predecessors are not {' and '.join(sorted(expected)) or 'none'}"


def referenced(studies: Iterable[Dataset]) -> set[str]:
    return {
        instance.ReferencedSOPInstanceUID
        for study in studies
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def items_below(dataset: Dataset) -> Iterator[Dataset]:
    """Every content item below, in document order."""
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from items_below(item)


def numbers(items: Iterable[Dataset], name: Code) -> list[float]:
    """The values of the measurements of that name."""
    return [
        float(item.MeasuredValueSequence[0].NumericValue) for item in items if is_named(item, name)
    ]


def texts(items: Iterable[Dataset], name: Code) -> list[str]:
    """The texts of that name."""
    return [item.TextValue for item in items if is_named(item, name)]


def is_named(item: Dataset, name: Code) -> bool:
    """Whether the item has that concept name; some need none (PS3.3 C.17.3)."""
    names = item.get("ConceptNameCodeSequence")
    return bool(names) and has_code(names[0], name)
