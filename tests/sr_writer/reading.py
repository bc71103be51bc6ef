"""Reading a report as a stranger would: from its bytes, by codes."""

from collections.abc import Iterator
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code

from sr_writer.results import Output


def read(output: Output) -> Dataset:
    return dcmread(BytesIO(output.content))


def code(item: Dataset) -> tuple[str, str]:
    return item.CodeValue, item.CodingSchemeDesignator


def is_named(item: Dataset, name: Code) -> bool:
    """What is selected by a key object has no name."""
    names = item.get("ConceptNameCodeSequence")
    return bool(names) and code(names[0]) == (name.value, name.scheme_designator)


def everything(dataset: Dataset) -> Iterator[Dataset]:
    """Every content item below, in document order."""
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from everything(item)


def children(dataset: Dataset, name: Code) -> list[Dataset]:
    return [item for item in dataset.ContentSequence if is_named(item, name)]


def child(dataset: Dataset, name: Code) -> Dataset:
    [item] = children(dataset, name)
    return item


def numbers(dataset: Dataset, name: Code) -> list[tuple[float, str]]:
    """(value, UCUM unit) of every measurement of that name, right below."""
    values = [item.MeasuredValueSequence[0] for item in children(dataset, name)]
    return [
        (float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue)
        for value in values
    ]
