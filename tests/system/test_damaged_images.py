"""A damaged image ends with a reason that is true, and never with a decision."""

import struct
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import NotDicom, Undecodable
from dicom_node.worker import Processed, process
from inference.engines import Engine
from inference.findings import Decision
from sr_writer.equipment import Equipment
from tests.phantoms import draw

DELIMITER = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


@pytest.fixture(scope="module")
def compressed() -> bytes:
    phantom = draw(Kind.RIGHT_OPACITY, rows=256, columns=212, seed=3)
    return content_of(as_dicom(phantom, transfer_syntax=JPEG2000Lossless))


def content_of(dataset: Dataset) -> bytes:
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def done(content: bytes, engine: Engine) -> Processed:
    return process(content, engine, Equipment(), datetime(2026, 11, 25, tzinfo=UTC))


@pytest.mark.parametrize("ending", [b"", bytes(8)], ids=["absent", "eight zero bytes"])
def test_compressed_pixels_without_their_delimiter_are_analysed(
    compressed: bytes, ending: bytes, engine: Engine
) -> None:
    assert compressed.endswith(DELIMITER)
    processed = done(compressed[: -len(DELIMITER)] + ending, engine)
    assert processed.analysis is not None
    assert processed.analysis.findings.decision is Decision.POSITIVE
    assert processed.write(("SR",))


def test_pixels_that_are_cut_short_are_named_with_their_instance(
    compressed: bytes, engine: Engine
) -> None:
    with pytest.raises(Undecodable, match=r"instance 2\.25\..*cut short.*send it again from where"):
        done(compressed[: len(compressed) * 3 // 4], engine)


def test_a_file_that_ends_within_its_header_says_so(compressed: bytes, engine: Engine) -> None:
    with pytest.raises(NotDicom, match="ends within its header: send it again"):
        done(compressed[: compressed.index(b"\x08\x00\x08\x00CS")], engine)


def test_a_data_set_without_sop_instance_uid_says_who_must_mend_it(engine: Engine) -> None:
    dataset = as_dicom(draw(Kind.HEALTHY, rows=64, columns=53))
    del dataset.SOPInstanceUID
    with pytest.raises(NotDicom, match="no SOP Instance UID: the sender must give it one"):
        done(content_of(dataset), engine)
