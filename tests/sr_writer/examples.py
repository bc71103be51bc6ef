"""Findings with elliptical lungs, and headers of every kind, to write results from."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
)

from inference.findings import (
    Caution,
    Decision,
    Findings,
    Laterality,
    LungMeasurement,
    Mask,
    ModelIdentity,
    Segment,
    SpacingSource,
    Task,
)
from inference.pipeline import Pipeline
from sr_writer.case import Case
from sr_writer.equipment import Equipment
from sr_writer.identity import Identity, identity_of
from sr_writer.kinds import KINDS, USUAL
from sr_writer.languages import words_of
from sr_writer.results import Output, write_results
from sr_writer.source import Source, read_source

SHAPE = (120, 101)  # rows, columns: not multiples of eight, so frames do not start on a byte
SPACING_MM = (0.5, 0.4)
SOURCE_UID = "1.2.840.99999.1.7"
ENGLISH = words_of("en")
CREATED = datetime(2026, 11, 25, 2, 3, 4, 567000, tzinfo=UTC)
EQUIPMENT = Equipment()
ROLES = tuple(kind.role for kind in KINDS)
LUNG_MODEL = ModelIdentity(Task.LUNG, "fpn-resnet18", "2026.11", "a" * 64)
INFECTION_MODEL = ModelIdentity(
    Task.INFECTION, "unet-densenet121", "2026.12", "b" * 64, percent_error_points=12.3
)
CERTAINTY = dict.fromkeys(Decision, None) | {Decision.POSITIVE: 0.9712, Decision.NEGATIVE: 0.034}
SOP_CLASS = {
    "CR": ComputedRadiographyImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
    "SC": SecondaryCaptureImageStorage,
}


def ellipse(
    shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]
) -> Mask:
    """An ellipse; centre and radii are (row, column) shares of the shape."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    down = (y + 0.5 - centre[0] * shape[0]) / (radii[0] * shape[0])
    across = (x + 0.5 - centre[1] * shape[1]) / (radii[1] * shape[1])
    return down**2 + across**2 <= 1


@cache
def findings(
    decision: Decision = Decision.POSITIVE,
    *,
    shape: tuple[int, int] = SHAPE,
    spacing_mm: tuple[float, float] | None = SPACING_MM,
    lungs: tuple[Laterality, ...] = tuple(Laterality),
    mirrored: bool = False,
) -> Findings:
    """Two lungs, the patient's right on the picture's left unless `mirrored`.

    Positive: opacities in both. Undetermined: no lung at all.
    """
    if decision is Decision.UNDETERMINED:
        lungs = ()
    masks = _masks(shape, lungs, infected=decision is Decision.POSITIVE, mirrored=mirrored)
    left, right = (_measure(side, masks, spacing_mm) for side in Laterality)
    lung, infected = (
        left.lung_pixels + right.lung_pixels,
        left.infected_pixels + right.infected_pixels,
    )
    return Findings(
        source_sop_instance_uid=SOURCE_UID,
        decision=decision,
        reason=f"This is why the decision is {decision}.",
        segments=tuple(
            Segment(number, task, side, masks[task, side])
            for number, (task, side) in enumerate(masks, start=1)
        ),
        left=left,
        right=right,
        infected_percent=100 * infected / lung if lung else None,
        certainty=CERTAINTY[decision],
        spacing_mm=spacing_mm,
        spacing_source=SpacingSource.PIXEL_SPACING if spacing_mm else SpacingSource.NONE,
        cautions=() if spacing_mm else (Caution.SPACING_UNKNOWN,),
        pipeline=Pipeline((LUNG_MODEL, INFECTION_MODEL)),
        durations_ms={},
    )


@cache
def faint() -> Findings:
    """Both lungs, and signs too faint to say: nothing is marked and no percentage is given."""
    found = findings(Decision.NEGATIVE)
    left, right = (
        replace(lung, infected_percent=None, infected_area_mm2=None)
        for lung in (found.left, found.right)
    )
    return replace(
        found,
        decision=Decision.UNDETERMINED,
        reason=Caution.FAINT.text,
        left=left,
        right=right,
        infected_percent=None,
        certainty=0.351,
        cautions=(*found.cautions, Caution.FAINT),
    )


def _masks(
    shape: tuple[int, int], lungs: tuple[Laterality, ...], *, infected: bool, mirrored: bool
) -> dict[tuple[Task, Laterality], Mask]:
    nothing = np.zeros(shape, np.bool_)
    whole = {
        Laterality.LEFT: ellipse(shape, (0.45, 0.72), (0.30, 0.14)),
        Laterality.RIGHT: ellipse(shape, (0.44, 0.29), (0.33, 0.16)),
    }
    opacity = {
        Laterality.LEFT: ellipse(shape, (0.40, 0.76), (0.06, 0.08)),
        Laterality.RIGHT: ellipse(shape, (0.62, 0.27), (0.12, 0.10)),
    }
    masks = {(Task.LUNG, side): whole[side] if side in lungs else nothing for side in Laterality}
    for side in Laterality:
        spot = opacity[side] & masks[Task.LUNG, side]
        masks[Task.INFECTION, side] = spot if infected else nothing
    if mirrored:
        masks = {key: np.ascontiguousarray(mask[:, ::-1]) for key, mask in masks.items()}
    return masks


def _measure(
    side: Laterality,
    masks: dict[tuple[Task, Laterality], Mask],
    spacing_mm: tuple[float, float] | None,
) -> LungMeasurement:
    lung = int(masks[Task.LUNG, side].sum())
    infected = int(masks[Task.INFECTION, side].sum())
    pixel_mm2 = spacing_mm[0] * spacing_mm[1] if spacing_mm and lung else None
    return LungMeasurement(
        laterality=side,
        lung_pixels=lung,
        infected_pixels=infected,
        infected_percent=100 * infected / lung if lung else None,
        lung_area_mm2=lung * pixel_mm2 if pixel_mm2 else None,
        infected_area_mm2=infected * pixel_mm2 if pixel_mm2 else None,
    )


def header(kind: str = "DX", /, **changes: object) -> Dataset:
    """A full and well-formed header; `changes` set an attribute, or with None remove it."""
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASS[kind]
    dataset.SOPInstanceUID = SOURCE_UID
    dataset.StudyInstanceUID = "1.2.840.99999.1"
    dataset.SeriesInstanceUID = "1.2.840.99999.1.1"
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.Modality = "DX" if kind == "SC" else kind
    dataset.Manufacturer = "Acme X-ray"
    dataset.ManufacturerModelName = "Ray 1"
    dataset.PatientName = "Case^Test"
    dataset.PatientID = "P1"
    dataset.PatientBirthDate = "19600102"
    dataset.PatientSex = "F"
    dataset.PatientAge = "066Y"
    dataset.StudyDate = "20261125"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = "A123"
    dataset.StudyID = "S1"
    dataset.StudyDescription = "Chest PA"
    dataset.ReferringPhysicianName = "Doctor^A"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ViewPosition = "PA"
    dataset.ImagerPixelSpacing = list(SPACING_MM)
    dataset.Rows, dataset.Columns = SHAPE
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def bare_header(kind: str = "SC") -> Dataset:
    """The least that can be stored: four UIDs and a size."""
    dataset = Dataset()
    full = header(kind)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        dataset[keyword] = full[keyword]
    dataset.Rows, dataset.Columns = SHAPE
    return dataset


def pixels(found: Findings) -> NDArray[np.float32]:
    """A gray image with dark lungs and brighter opacities."""
    gray = np.full(found.segments[0].mask.shape, 0.7, np.float32)
    for segment in found.segments:
        gray[segment.mask] += -0.5 if segment.task is Task.LUNG else 0.3
    return gray


def source_of(dataset: Dataset, found: Findings | None = None) -> Source:
    found = found or findings()
    shape = found.segments[0].mask.shape
    return read_source(dataset, found.source_sop_instance_uid, shape, found.spacing_mm)


def identity(found: Findings | None = None) -> Identity:
    return identity_of(found or findings(), EQUIPMENT, CREATED)


def case_of(found: Findings, dataset: Dataset | None = None) -> Case:
    dataset = dataset or header()
    return Case(dataset, source_of(dataset, found), found, pixels(found), identity(found), ENGLISH)


def write(
    found: Findings, dataset: Dataset | None = None, roles: Collection[str] = USUAL
) -> dict[str, Output]:
    outputs = write_results(dataset or header(), found, pixels(found), EQUIPMENT, CREATED, roles)
    return {output.role: output for output in outputs}


@cache
def usual_results() -> dict[str, Output]:
    """The results of the positive findings under the full DX header, written once."""
    return write(findings())


@cache
def all_results() -> dict[str, Output]:
    """Every kind of output of the same."""
    return write(findings(), roles=ROLES)


def with_uid(found: Findings, uid: str) -> Findings:
    return replace(found, source_sop_instance_uid=uid)
