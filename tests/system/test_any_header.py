"""Whatever a header lacks or holds, there is a valid result or a named refusal, and no traceback.

The whole chain runs on a small image. Its networks are replaced by a threshold: what is asked here
is a matter of headers, and a hundred of them would take the networks half a minute.
"""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.errors import InvalidResult, Permanent
from dicom_node.intake.eligibility import judge
from dicom_node.worker import process
from inference.analyze import analyze
from inference.decode import UndecodableImage
from inference.engines import ProbabilityMaps
from inference.findings import Decision, ModelIdentity, Task
from inference.pipeline import Pipeline
from sr_writer.equipment import Equipment
from sr_writer.kinds import USUAL
from sr_writer.source import DESCRIBING, IDENTIFYING
from sr_writer.sr.notice import write_notice
from tests.conftest import DATA, missing
from tests.inference.conftest import CHESTS
from tests.inference.drawn_chests import BODY, INFECTED, LUNG, chest
from tests.sr_writer.examples import ROLES, header
from tests.system.malformed import Fault, encoded, faults

Property = TypeVar("Property", bound=Callable[..., None])

CREATED = datetime(2026, 11, 25, tzinfo=UTC)
ROWS, COLUMNS = 64, 60
EVERY_ROLE = ROLES
#: What decides how the pixels are read and shown, and what is said of them.
READ = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence"),
    *("RescaleSlope", "RescaleIntercept", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("PresentationLUTShape", "PixelSpacing", "ImagerPixelSpacing", "PatientOrientation"),
    *("PixelData", "SmallestImagePixelValue", "RedPaletteColorLookupTableDescriptor"),
)
#: What decides whether the instance is analysed at all, and what it is referred to by.
JUDGED = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImageType"),
    *("BodyPartExamined", "ViewPosition", "ViewCodeSequence", "AnatomicRegionSequence"),
    *("ProtocolName", "SeriesDescription", "PresentationIntentType", "SourceImageSequence"),
    *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"),
    *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber"),
    *("AcquisitionDate", "ContentDate", "SeriesNumber", "InstanceNumber", "FrameOfReferenceUID"),
)
KEYWORDS = sorted({*READ, *JUDGED, *IDENTIFYING, *DESCRIBING})


class Threshold:
    """An Engine for `drawn_chests`: their grays are far enough apart."""

    size = 64
    models = tuple(ModelIdentity(task, "threshold", "1", "0" * 64) for task in Task)

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        lung = images < (INFECTED + BODY) / 2
        infection = lung & (images > (LUNG + INFECTED) / 2)
        familiar = np.zeros(len(images), np.float32)
        return ProbabilityMaps(lung.astype(np.float32), infection.astype(np.float32), familiar)


def with_drawn_pixels(dataset: Dataset) -> Dataset:
    """The header with a small image in place of its own, which its own window shows."""
    image = chest(3, infected=True)[0][:ROWS, :COLUMNS].astype(np.float64) / 255
    dataset.PhotometricInterpretation = dataset.get("PhotometricInterpretation", "MONOCHROME2")
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        image = 1 - image
    bits = dataset.get("BitsStored", 12)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.Rows, dataset.Columns = image.shape
    width = float(dataset.get("WindowWidth", 2**bits))
    black = float(dataset.get("WindowCenter", 2 ** (bits - 1))) - width / 2
    values = np.clip(np.rint(black + width * image), 0, 2**bits - 1)
    dataset.PixelData = values.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    # Made for the pixels that were there.
    dataset.pop("ModalityLUTSequence", None)
    return dataset


@cache
def originals() -> list[Dataset]:
    """A full header, and those of the real chest radiographs."""
    if not DATA.is_dir():
        missing(f"the real images are not at {DATA} (set CXR_DATA)")
    paths = [DATA / "dicom" / "chest" / name for name in CHESTS]
    real = [dcmread(path, stop_before_pixels=True) for path in paths]
    return [with_drawn_pixels(dataset) for dataset in (header(), *real)]


#: What was found once, to be tried each time.
KNOWN: list[dict[str, Fault]] = [
    {"PixelData": Fault(value=b"")},
    {"PixelData": Fault(value=b"\xae\xc7\xc4\xab", vr=b"AT")},
    {"PixelData": Fault(value=b"1.2.x", vr=b"FD")},
    {"PixelData": Fault(vr=b"ZZ")},
    {"SamplesPerPixel": Fault(value=b"\1\0\1\0")},
    {"SOPInstanceUID": Fault(value=b" ", vr=b"SQ")},
    {"SOPInstanceUID": Fault(value=b"99999999999", vr=b"FD")},
    {"SOPClassUID": Fault(value=b"0\\0")},
    {"SeriesInstanceUID": Fault(value=b"0\\0")},
    {"StudyInstanceUID": Fault(value=b" ", vr=b"SQ"), "StudyTime": Fault(value=b" ", vr=b"SQ")},
    {"StudyInstanceUID": Fault(value=b"1.2\\1.3")},
    {"ReasonForPerformedProcedureCodeSequence": Fault(value=b"12345", vr=b"FD")},
    {"ReferencedStudySequence": Fault(value=b"", vr=b"ZZ")},
    {
        keyword: Fault(value=b"", vr=b"ZZ")
        for keyword in ("ImagerPixelSpacing", "WindowCenter", "RescaleSlope", "AccessionNumber")
    },
    {"TimezoneOffsetFromUTC": Fault(value=b"+9999")},
    {
        "LossyImageCompression": Fault(value=b"01"),
        "LossyImageCompressionRatio": Fault(value=b"nan\\inf"),
    },
]


def examples(count: int) -> Callable[[Property], Property]:
    """KNOWN, and as many others, the same each time as long as the same modules are loaded: their
    constants are among the values that hypothesis draws."""

    def decorate(test: Property) -> Property:
        for changes in KNOWN:
            test = example(index=0, changes=changes, syntax=ExplicitVRLittleEndian)(test)
        drawn = given(
            index=st.integers(0, len(CHESTS)),
            changes=faults(KEYWORDS),
            syntax=st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
        )(test)
        decorated: Property = settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )(pytest.mark.filterwarnings("ignore::UserWarning")(drawn))
        return decorated

    return decorate


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_source_as_it_is_has_a_positive_result() -> None:
    """Or the tests below would be of refusals alone."""
    for dataset in originals():
        content = encoded(dataset, {}, ExplicitVRLittleEndian)
        done = process(content, Threshold(), Equipment(), CREATED)
        assert done.analysis is not None, done.verdict.reason
        assert done.analysis.findings.decision is Decision.POSITIVE
        assert {output.role for output in done.write(EVERY_ROLE)} == set(EVERY_ROLE)


@examples(120)
def test_there_is_a_valid_result_or_a_named_refusal(
    index: int, changes: dict[str, Fault], syntax: UID
) -> None:
    content = encoded(originals()[index], changes, syntax)
    try:
        done = process(content, Threshold(), Equipment(), CREATED)
        outputs = done.write(USUAL)
    except InvalidResult:
        raise  # what is written must not depend on what is wrong with the header
    except Permanent:
        return
    if done.results is None:
        assert done.verdict.reason
    else:
        assert {output.role for output in outputs} == set(USUAL)


@examples(60)
def test_the_data_set_is_not_altered(index: int, changes: dict[str, Fault], syntax: UID) -> None:
    content = encoded(originals()[index], changes, syntax)
    try:
        dataset, untouched = dcmread(BytesIO(content)), dcmread(BytesIO(content))
    except Exception:
        return
    judge(dataset)
    with suppress(UndecodableImage):
        analyze(dataset, Threshold())
    assert_same(dataset, untouched)
    with suppress(Permanent):
        done = process(content, Threshold(), Equipment(), CREATED)
        if done.analysis is not None:
            received = done.analysis.radiograph.header
            before = deepcopy(received)
            done.write(USUAL)
            assert_same(received, before)


@examples(120)
def test_that_there_is_no_result_can_always_be_said(
    index: int, changes: dict[str, Fault], syntax: UID
) -> None:
    content = encoded(originals()[index], changes, syntax)
    try:
        received = dcmread(BytesIO(content), stop_before_pixels=True)
    except Exception:
        return
    notice = write_notice(
        received,
        "1.2.3",
        Decision.FAILED,
        "It broke.",
        Pipeline(Threshold.models),
        Equipment(),
        CREATED,
    )
    assert dcmread(BytesIO(notice.content)).SOPClassUID == notice.sop_class_uid


def assert_same(dataset: Dataset, untouched: Dataset) -> None:
    assert list(dataset.keys()) == list(untouched.keys())
    for tag in dataset.keys():  # noqa: SIM118 - iterating a data set parses it
        assert element(dataset, tag) == element(untouched, tag)


def element(dataset: Dataset, tag: BaseTag) -> object:
    """One element as it can be read: parsed, or as its bytes where no parser takes them."""
    try:
        parsed = dataset[tag]
        return parsed.VR, repr(parsed.value)
    except Exception:
        unparsed = dataset.get_item(tag, keep_deferred=True)
        assert unparsed is not None
        return unparsed.VR, repr(unparsed.value)
