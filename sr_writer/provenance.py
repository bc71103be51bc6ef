"""What every result says of its making: when, by which equipment, by which algorithms.

General Series and Equipment, SOP Common, and IHE AI Results 6.5.3.1: each algorithm is an item
of the Contributing Equipment Sequence (0018,A001), with the same values as the report's content.
"""

from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.sr.coding import Code

from sr_writer import codes
from sr_writer.identity import Identity
from sr_writer.kind import Kind
from sr_writer.source import EQUIPMENT, Source, study_time


def coded(code: Code) -> Dataset:
    """A Code Sequence item."""
    item: Dataset = CodedConcept.from_code(code)
    return item


def source_image(source: Source) -> Dataset:
    """The source as what the object was made from (PS3.3 10.3)."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.header.SOPClassUID
    item.ReferencedSOPInstanceUID = source.header.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [coded(codes.SOURCE_IMAGE)]
    return item


def stamp(
    dataset: Dataset, kind: Kind, identity: Identity, source: Source, *, made: str = "Content"
) -> None:
    """Set, on a built object, all that says when, by whom and in which series it was made.

    `made` is what the date and time of its making are called in its IOD.
    """
    equipment = identity.equipment
    dataset.SeriesInstanceUID = identity.series_instance_uid(kind.role)
    dataset.SeriesNumber = kind.series_number
    dataset.SeriesDescription = identity.series_description(kind.subject)
    dataset.Manufacturer = equipment.manufacturer
    dataset.ManufacturerModelName = equipment.model_name
    dataset.SoftwareVersions = equipment.software_version
    dataset.DeviceSerialNumber = equipment.device_serial_number
    dataset.DeviceUID = equipment.device_uid
    dataset.ContributingEquipmentSequence = _contributing_equipment(identity, source)
    clock = study_time(identity.created, source.timezone_offset)
    for event in ("InstanceCreation", "Series", made):
        setattr(dataset, f"{event}Date", clock.strftime("%Y%m%d"))
        setattr(dataset, f"{event}Time", clock.strftime("%H%M%S.%f"))


def _contributing_equipment(identity: Identity, source: Source) -> list[Dataset]:
    equipment = identity.equipment
    items = [
        _processing_item(
            equipment.manufacturer,
            equipment.model_name,
            equipment.software_version,
            equipment.device_uid,
        )
    ]
    items += [
        _processing_item(a.manufacturer, a.name, a.version, a.device_uid)
        for a in identity.algorithms
    ]
    if "Manufacturer" in source.header:
        items.insert(0, _acquisition_item(source.header))
    return items


def _processing_item(manufacturer: str, model: str, version: str, device_uid: str) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [coded(codes.PROCESSING_EQUIPMENT)]
    item.Manufacturer = manufacturer
    item.ManufacturerModelName = model
    item.SoftwareVersions = version
    item.DeviceUID = device_uid
    return item


def _acquisition_item(header: Dataset) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [coded(codes.ACQUISITION_EQUIPMENT)]
    for keyword in EQUIPMENT:
        if keyword in header:
            item[keyword] = header[keyword]
    return item
