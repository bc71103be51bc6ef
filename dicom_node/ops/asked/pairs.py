"""Radiographs with what readers have drawn on them, as files to learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import NodeError
from dicom_node.ledger import Job, Ledger, Output
from dicom_node.spool import Spool, safe_name

#: The role of the node's own.
_SEG = "SEG"
RADIOGRAPH, SEGMENTATION = "radiograph.dcm", "segmentation.dcm"
#: They hold patients' images: for whoever asked for them alone.
_PRIVATE = (0o700, 0o600)


@dataclass(frozen=True, slots=True)
class Pair:
    """One radiograph and the Segmentation that counts."""

    image: Job
    fault: str = ""  #: why there are no files of it


def export(ledger: Ledger, spool: Spool, folder: Path, *, accepted: bool = False) -> Iterator[Pair]:
    """Write each below `folder`, named by the radiograph's UID, as it was received; what is there
    of the same one is replaced. Raises OSError where that cannot be written.

    `accepted`: those with the node's own Segmentation, too, that readers accept and nobody drew
    otherwise. What a reader excludes is left out.
    """
    excluded, drawn_on = ledger.assessments.excluded(), set()
    for one in ledger.corrections.latest():
        drawn_on.add(one.image_job_id)
        image, drawn = ledger.jobs.get(one.image_job_id), ledger.jobs.get(one.job_id)
        if image is None or drawn is None or image.id in excluded:
            # Purged at this moment, or not to be learnt from.
            continue
        if drawn.sha256 != one.sha256:
            yield Pair(image, f"other bytes of it wait to be counted: job {drawn.id}")
            continue
        yield _exported(spool, folder, image, drawn)
    for job_id in ledger.assessments.accepted() if accepted else ():
        own = (one for one in ledger.lookups.outputs(job_id) if one.role == _SEG)
        image, found = ledger.jobs.get(job_id), next(own, None)
        if image is not None and found is not None and job_id not in drawn_on:
            yield _exported(spool, folder, image, found)


def _exported(spool: Spool, folder: Path, image: Job, drawn: Job | Output) -> Pair:
    try:
        contents = [spool.read_verified(one.path, one.sha256) for one in (image, drawn)]
    except NodeError as exc:
        return Pair(image, str(exc))
    place = folder / safe_name(image.sop_instance_uid)
    place.mkdir(_PRIVATE[0], parents=True, exist_ok=True)
    for name, content in zip((RADIOGRAPH, SEGMENTATION), contents, strict=True):
        _write(place / name, content)
    return Pair(image)


def _write(path: Path, content: bytes) -> None:
    """Whole, or as it was."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.chmod(_PRIVATE[1])
    temporary.replace(path)
