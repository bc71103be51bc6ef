"""Every attribute of what is sent, and where it comes from (PS3.2 A.8.1.1): read from objects that
are built here, of drawn radiographs with both networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

from pydicom import DataElement, Dataset, dcmread
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.tag import Tag

from dicom_node.cli.node.networks import load_networks
from dicom_node.cli.statement.markdown import named, table
from dicom_node.demo.phantom import Kind as Shown
from dicom_node.demo.phantom import draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.worker import process
from inference.pipeline import STANDARD
from sr_writer.equipment import Equipment
from sr_writer.kinds import KINDS
from sr_writer.source import DESCRIBING, IDENTIFYING

#: Two that have nothing in common but that results are made of them: rows, columns, seed, received.
_DRAWN = (
    (764, 636, 1, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (900, 740, 2, datetime(2027, 6, 7, 8, 9, 10, tzinfo=UTC)),
)
#: Whatever is found is positive: some kinds are made of nothing else.
_SETTINGS = replace(STANDARD, negative_below=0.0, positive_above=0.0, strange_above=1e6)
#: Longer values say nothing in a table.
_LONGEST_VALUE = 64
_ITEMS = {"SQ", "OB", "OW"}


def inherited() -> str:
    """Attributes that go out as they came."""
    ways = (("as the bytes that came", IDENTIFYING), ("where well formed", DESCRIBING))
    rows = (
        (dictionary_description(tag), Tag(tag), how)
        for how, keywords in ways
        for keyword in keywords
        if (tag := tag_for_keyword(keyword)) is not None
    )
    return table(("attribute", "tag", "copied"), rows)


def attributes(equipment: Equipment) -> str:
    """A table for each kind of object, without what is inherited."""
    engine = load_networks("", "", "cpu")
    made: list[Mapping[str, Dataset]] = []
    for rows, columns, seed, at in _DRAWN:
        processed = process(_drawn(rows, columns, seed), engine, equipment, at, _SETTINGS)
        outputs = processed.write([kind.role for kind in KINDS])
        made.append({one.role: dcmread(BytesIO(one.content)) for one in outputs})
    sections = []
    for kind in KINDS:
        name, uid = named(kind.sop_class_uid)
        instances = [each[kind.role] for each in made]
        title = f"#### {kind.subject} ({kind.role}): {name}, {uid}"
        sections.append(f"{title}\n\nSeries Number {kind.series_number}.\n\n{_table(instances)}")
    return "\n\n".join(sections)


def _drawn(rows: int, columns: int, seed: int) -> bytes:
    dataset = as_dicom(draw(Shown.BILATERAL_OPACITIES, rows=rows, columns=columns, seed=seed))
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _table(instances: Sequence[Dataset]) -> str:
    copied = {tag_for_keyword(keyword) for keyword in (*IDENTIFYING, *DESCRIBING)}
    first, second = instances
    rows = (
        (element.name, element.tag, element.VR, *_value(element, second.get(element.tag)))
        for element in first
        if element.tag not in copied
    )
    return table(("attribute", "tag", "VR", "value", "source"), rows)


def _value(element: DataElement, other: DataElement | None) -> tuple[str, str]:
    """What is shown of it, and whether it is the same in every object."""
    if other is None or element.VR in _ITEMS or element.value != other.value:
        return "", "generated"
    text = "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value)
    return (text if len(text) <= _LONGEST_VALUE else ""), "fixed"
