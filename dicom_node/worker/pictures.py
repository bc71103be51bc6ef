"""Radiographs that were analysed before, painted with the masks that were made of them then.

Of one whose masks are not kept, as of one that was only fetched to be compared with, there is the
radiograph alone.
"""

import logging
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from dicom_node.errors import DamagedInSpool, Permanent, SpoolUnreadable
from dicom_node.ledger import Job, Ledger
from dicom_node.spool import Spool
from dicom_node.worker.processing import read_dataset
from inference.decode import Radiograph, UndecodableImage, read_radiograph
from inference.findings import Findings, Laterality
from inference.pipeline import Pipeline
from inference.postprocess import Masks
from inference.quantify import quantify
from inference.segmentations.masks import Drawn, UnusableSegmentation, drawn_on
from sr_writer.kinds import SEG
from sr_writer.painting import Painting, paint
from sr_writer.progression import Prior

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Looks them up in ledger and spool."""

    ledger: Ledger
    spool: Spool

    def of(self, job: Job, prior: Prior) -> Painting | None:
        """Of a radiograph that `job`'s is compared with; None where it cannot be read any more."""
        earlier = self._job_of(job, prior)
        if earlier is None:
            return None
        try:
            content = self.spool.read_verified(earlier.path, earlier.sha256)
            radiograph = read_radiograph(read_dataset(content))
        except (Permanent, SpoolUnreadable, UndecodableImage) as exc:
            extra = {"path": earlier.path, "reason": str(exc)}
            logger.warning("could not show an earlier radiograph", extra=extra)
            return None
        drawn = sent_masks(self.ledger, self.spool, earlier, radiograph.header)
        return paint(radiograph.pixels, found_in(drawn, radiograph))

    def _job_of(self, job: Job, prior: Prior) -> Job | None:
        """By the same pipeline: no other is compared with."""
        jobs = self.ledger.jobs.of_instance(prior.image.sop_instance_uid)
        return next((one for one in jobs if one.pipeline == job.pipeline), None)


def sent_masks(ledger: Ledger, spool: Spool, job: Job, header: Dataset) -> Drawn | None:
    """What the node has drawn on a job's radiograph; None where that is gone, or no lungs were."""
    for one in ledger.lookups.outputs(job.id):
        if one.role != SEG.role:
            continue
        try:
            content = spool.read_verified(one.path, one.sha256)
            return drawn_on(header, read_dataset(content))
        except (DamagedInSpool, SpoolUnreadable):
            # It is built again when it is sent.
            continue
        except UnusableSegmentation:
            return None
    return None


def found_in(drawn: Drawn | None, radiograph: Radiograph) -> Findings:
    """Of masks, to be painted; nothing was found where there are none."""
    nothing = {side: np.zeros(radiograph.pixels.shape, bool) for side in Laterality}
    lung = drawn.lung if drawn else nothing
    infection = (drawn and drawn.infection) or nothing
    return quantify(Masks(lung, infection, None, None, ()), radiograph, Pipeline(()), {})
