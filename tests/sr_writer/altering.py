"""A written object altered in one place, and what the last gate says of it."""

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite

from inference.findings import Findings
from sr_writer import codes
from sr_writer.kinds import Kind
from sr_writer.verify import InvalidResult, verify
from tests.sr_writer.examples import all_results, case_of, findings, identity
from tests.sr_writer.reading import everything, is_named

Change = Callable[[Dataset], None]


def check(kind: Kind, content: bytes, found: Findings | None = None) -> None:
    """Put an object of the example's through the gate."""
    case = case_of(found or findings())
    verify(kind, content, case.source, case.identity, lambda dataset: kind.verify(dataset, case))


def altered(kind: Kind, change: Change) -> bytes:
    dataset = dcmread(BytesIO(all_results()[kind.role].content))
    change(dataset)
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    return buffer.getvalue()


def assert_refused(kind: Kind, change: Change, message: str) -> None:
    with pytest.raises(InvalidResult) as refused:
        check(kind, altered(kind, change))
    assert message in str(refused.value)
    assert identity().sop_instance_uid(kind.role) in str(refused.value)


def set_to(**values: object) -> Change:
    def change(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def without(keyword: str) -> Change:
    return lambda dataset: delattr(dataset, keyword)


def first(dataset: Dataset, name: str) -> Dataset:
    concept = getattr(codes, name)
    return next(item for item in everything(dataset) if is_named(item, concept))


def name_another_device(dataset: Dataset) -> None:
    first(dataset, "DEVICE_OBSERVER_UID").UID = "1.2.3"


def name_another_segmentation(dataset: Dataset) -> None:
    study = dataset.CurrentRequestedProcedureEvidenceSequence[0]
    study.ReferencedSeriesSequence[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3"
