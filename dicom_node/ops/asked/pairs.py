"""Radiographs with what readers have drawn on them, as files to learn from and to evaluate by.

The folder has the shape of the published sets: Train, which networks learn from, and Val, by which
they are compared. No patient is in both.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import NodeError
from dicom_node.intake.indexing import index_of
from dicom_node.ledger import Job, JobState, Ledger, Output
from dicom_node.patients import Patients
from dicom_node.spool import Spool, safe_name

TRAIN, VAL = "Train", "Val"
#: Of the patients one in so many is kept to evaluate by, as the paper's stage IV does.
_ONE_IN = 5
#: The role of the node's own.
_SEG = "SEG"
RADIOGRAPH, SEGMENTATION = "radiograph.dcm", "segmentation.dcm"
#: They hold patients' images: for whoever asked for them alone.
_PRIVATE = (0o700, 0o600)


@dataclass(frozen=True, slots=True)
class Pair:
    """One radiograph and the Segmentation that counts."""

    image: Job
    split: str = ""  #: TRAIN or VAL; "" where there are no files of it
    fault: str = ""  #: why


def split_of(patient: str) -> str:
    """TRAIN or VAL: where a patient's radiographs are, the same in every export.

    `patient`: 64 hex digits, a keyed hash.
    """
    return VAL if int(patient, 16) % _ONE_IN == 0 else TRAIN


def export(ledger: Ledger, spool: Spool, folder: Path, *, accepted: bool = False) -> Iterator[Pair]:
    """Write each into `folder`/Train or Val, named by the radiograph's UID, as it was received;
    what is there of the same one is replaced. Raises OSError where that cannot be written.

    `accepted`: those with the node's own Segmentation, too, that readers accept and nobody drew
    otherwise. What a reader excludes is left out. After the last, what an earlier export has
    written and this one leaves out is removed; what the ledger no longer knows stays.
    """
    patients = Patients.of(spool)
    done: dict[str, Pair] = {}
    for image, drawn in _counting(ledger, accepted):
        pair = (
            _exported(spool, patients, folder, image, drawn)
            if isinstance(drawn, Job | Output)
            else Pair(image, fault=drawn)
        )
        done[safe_name(image.sop_instance_uid)] = pair
        yield pair
    _remove_others(ledger, folder, done)


def _counting(ledger: Ledger, accepted: bool) -> Iterator[tuple[Job, Job | Output | str]]:
    """Radiographs with the Segmentation that counts, or why it cannot be had; each once.

    An image may have been analysed by several pipelines, each a job: what is said counts for all.
    """
    found = (ledger.jobs.get(job_id) for job_id in ledger.assessments.excluded())
    done = {image.sop_instance_uid for image in found if image}
    for one in ledger.corrections.latest():
        image, drawn = ledger.jobs.get(one.image_job_id), ledger.jobs.get(one.job_id)
        if image is None or drawn is None or image.sop_instance_uid in done:
            # Purged at this moment, or not to be learnt from.
            continue
        done.add(image.sop_instance_uid)
        is_same = drawn.sha256 == one.sha256
        yield image, drawn if is_same else f"other bytes of it wait to be counted: job {drawn.id}"
    # The newest pipeline's first.
    for job_id in sorted(ledger.assessments.accepted(), reverse=True) if accepted else ():
        image = ledger.jobs.get(job_id)
        own = next((one for one in ledger.lookups.outputs(job_id) if one.role == _SEG), None)
        is_there = image is not None and image.state is JobState.BUILT
        if image and is_there and own and image.sop_instance_uid not in done:
            done.add(image.sop_instance_uid)
            yield image, own


def _exported(
    spool: Spool, patients: Patients, folder: Path, image: Job, drawn: Job | Output
) -> Pair:
    try:
        contents = [spool.read_verified(one.path, one.sha256) for one in (image, drawn)]
        index = index_of(contents[0], image.sop_instance_uid, patients)
    except NodeError as exc:
        return Pair(image, fault=str(exc))
    # By the ID alone: not every sender says who issued it. Who has none is known by the study.
    patient = index.origin.patient_id_hash or patients.hash(image.study_instance_uid)
    split = split_of(patient)
    place = folder / split / safe_name(image.sop_instance_uid)
    place.mkdir(_PRIVATE[0], parents=True, exist_ok=True)
    for name, content in zip((RADIOGRAPH, SEGMENTATION), contents, strict=True):
        _write(place / name, content)
    return Pair(image, split)


def _write(path: Path, content: bytes) -> None:
    """Whole, or as it was."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.chmod(_PRIVATE[1])
    temporary.replace(path)


def _remove_others(ledger: Ledger, folder: Path, done: dict[str, Pair]) -> None:
    """What is excluded, rejected or no longer accepted by now, and what lies in the other split.

    Of what is lost at the moment the files of before are kept.
    """
    for split in (TRAIN, VAL):
        for place in _folders(folder / split):
            pair = done.get(place.name)
            is_right = pair.fault or pair.split == split if pair else False
            if not is_right and ledger.jobs.of_instance(place.name):
                _remove(place)


def _folders(folder: Path) -> Collection[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _remove(place: Path) -> None:
    """Our own files alone."""
    for name in (RADIOGRAPH, SEGMENTATION):
        (place / name).unlink(missing_ok=True)
    with suppress(OSError):
        # Somebody else's are in it.
        place.rmdir()
