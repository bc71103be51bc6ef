"""Readers' Segmentations received by a bench, and what their reports say."""

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from dicom_node.config import CorrectionsSection
from dicom_node.config.profiles import Profile
from dicom_node.ledger import Correction, Job, JobState, Progress
from tests.dicom_node.bench import Bench
from tests.dicom_node.ledger.records import progress
from tests.dicom_node.radiographs import file_bytes
from tests.readers import Mask

KEPT = CorrectionsSection(accept=True)
REPORTED = CorrectionsSection(accept=True, report=True)
ONLY_SR = Profile(("SEG", "SR"), next_best=False)


def analysed(bench: Bench, image: Dataset, *profiles: Profile) -> tuple[int, dict[str, Dataset]]:
    """The radiograph's job, and what its destination has of it."""
    job_id = bench.accept(file_bytes(image))
    assert bench.work(job_id, *profiles or (ONLY_SR,)).state is JobState.BUILT
    return job_id, bench.deliver()


def stored(
    bench: Bench,
    seg: Dataset,
    section: CorrectionsSection = KEPT,
    profile: Profile = ONLY_SR,
) -> Job:
    """What becomes of a Segmentation that is received."""
    return bench.work(bench.accept(file_bytes(seg)), profile, corrections=section)


def of(bench: Bench, image: Dataset) -> list[Correction]:
    return bench.ledger.corrections.of_image(image.SOPInstanceUID)


def masks_of(seg: Dataset) -> tuple[dict[str, Mask], dict[str, Mask]]:
    """The node's own: lungs and infection, left and right."""
    left, right, infected_left, infected_right = np.asarray(seg.pixel_array, np.bool_)
    return {"left": left, "right": right}, {"left": infected_left, "right": infected_right}


def report_of(bench: Bench, seg: Dataset, profile: Profile = ONLY_SR) -> dict[str, Dataset]:
    job = stored(bench, seg, REPORTED, profile)
    assert job.state is JobState.BUILT, job.reason
    reports = bench.deliver()
    assert progress(bench.ledger, job.id) is Progress.DELIVERED
    return reports


def below(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        yield child
        yield from below(child)


def numbers(report: Dataset, name: str) -> list[float]:
    return [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in below(report)
        if item.ValueType == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == name
    ]


def texts(report: Dataset) -> str:
    return " ".join(str(item.get("TextValue", "")) for item in below(report))


def names(report: Dataset) -> list[str]:
    return [str(item.PersonName) for item in below(report) if item.ValueType == "PNAME"]
