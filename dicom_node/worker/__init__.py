"""Claim a job, analyse its radiograph, build the results, hand them over.

The only place that joins the three packages: `processing` is the whole of the work on one
instance and touches nothing but memory, `notices` says why there is no result, `loop` puts ledger,
spool and queue around both.
"""

from dicom_node.worker.loop import Worker, spool_output
from dicom_node.worker.processing import Processed, process

__all__ = ["Processed", "Worker", "process", "spool_output"]
