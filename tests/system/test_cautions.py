"""Whatever a radiograph gives cause to be careful about reaches those who read its results."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TypedDict

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicom_node.cli.analysis.findings import findings_document
from dicom_node.demo.phantom import Kind, Phantom
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.worker import Processed, process
from inference.engines import Engine
from inference.findings import Caution, Decision
from sr_writer.equipment import Equipment
from tests.phantoms import draw
from tests.sr_writer.reading import everything, read


@pytest.fixture(scope="module")
def healthy() -> Phantom:
    return draw(Kind.HEALTHY, rows=382, columns=318, seed=1)


def processed(dataset: Dataset, engine: Engine) -> Processed:
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return process(content.getvalue(), engine, Equipment(), datetime(2026, 11, 25, tzinfo=UTC))


def said_in_report(done: Processed) -> set[str]:
    [report] = done.write(("SR",))
    return {item.TextValue for item in everything(read(report)) if item.ValueType == "TEXT"}


def said_in_document(done: Processed) -> set[tuple[str, str]]:
    document = findings_document(done.sop_instance_uid, done)
    return {(caution["code"], caution["text"]) for caution in document["cautions"]}


def is_said(caution: Caution, done: Processed) -> bool:
    """In the SR and in findings.json, or in neither."""
    in_document = (caution.code, caution.text) in said_in_document(done)
    assert (caution.text in said_in_report(done)) is in_document
    return in_document


#: What is done to a healthy phantom's image so that it deserves the caution.
SPOILED: dict[Caution, Callable[[Phantom], Phantom]] = {
    Caution.LUNG_AT_BORDER: lambda p: replace(p, image=p.image[:, 90:]),
    Caution.LOW_CONTRAST: lambda p: replace(p, image=0.4 + 0.2 * p.image),
    Caution.SATURATED: lambda p: replace(p, image=np.clip(p.image + np.float32(0.4), 0, 1)),
}


@pytest.mark.parametrize("caution", SPOILED, ids=lambda caution: caution.code)
def test_a_poor_image_says_what_is_poor_of_it(
    caution: Caution, healthy: Phantom, engine: Engine
) -> None:
    assert not is_said(caution, processed(as_dicom(healthy), engine))
    assert is_said(caution, processed(as_dicom(SPOILED[caution](healthy)), engine))


def test_an_opacity_that_fades_in_is_not_there_then_faint_then_clear(engine: Engine) -> None:
    without, with_it = (
        draw(kind, rows=382, columns=318, seed=4) for kind in (Kind.HEALTHY, Kind.LEFT_OPACITY)
    )

    def at(share: float) -> Processed:
        image = without.image + np.float32(share) * (with_it.image - without.image)
        return processed(as_dicom(replace(with_it, image=image)), engine)

    stages = [at(0.05), at(0.3), at(0.8)]
    decisions = [done.analysis.findings.decision for done in stages if done.analysis]
    assert decisions == [Decision.NEGATIVE, Decision.UNDETERMINED, Decision.POSITIVE]
    assert [is_said(Caution.FAINT, done) for done in stages] == [False, True, False]


class Age(TypedDict, total=False):
    """What a header says of it; None takes the attribute away."""

    PatientAge: str | None
    PatientBirthDate: str | None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"PatientAge": "009Y"}, True),
        ({"PatientAge": "", "PatientBirthDate": "20200101"}, True),
        ({"PatientAge": "040Y"}, False),
        ({"PatientAge": None, "PatientBirthDate": None}, False),
    ],
    ids=str,
)
def test_a_childs_radiograph_says_so(
    header: Age, expected: bool, healthy: Phantom, engine: Engine
) -> None:
    done = processed(as_dicom(healthy, **header), engine)
    assert is_said(Caution.UNDER_18, done) is expected


def test_the_overlay_has_a_line_more_for_each(healthy: Phantom, engine: Engine) -> None:
    ages = ("040Y", "009Y")
    done = [processed(as_dicom(healthy, PatientAge=age), engine) for age in ages]
    adult, child = (read(output) for each in done for output in each.write(("SC",)))
    assert child.Rows > adult.Rows
    assert child.Columns == adult.Columns


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm", True),
        ("sc_cr_pa_mono2_jpegbaseline.dcm", False),
    ],
)
def test_a_mislabelled_polarity_is_said_to_be_corrected(
    name: str, expected: bool, shared_data: Path, engine: Engine
) -> None:
    done = processed(dcmread(shared_data / "dicom" / "chest" / name), engine)
    assert is_said(Caution.POLARITY_CORRECTED, done) is expected


def test_every_caution_is_a_sentence_in_ascii_with_a_code_of_its_own() -> None:
    assert all(caution.text.isascii() and caution.text.endswith(".") for caution in Caution)
    assert all(caution.code == caution.name.lower() for caution in Caution)
