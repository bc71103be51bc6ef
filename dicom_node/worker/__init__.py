"""Claim a job, analyse its radiograph, build the results, hand them over.

The only place that joins the three packages: `processing` is the whole of the work on one
instance and touches nothing but memory, `notices` says why there is no result, `past` knows what
came before, `loop` puts ledger, spool and queue around them.
"""

from dicom_node.worker.loop import Worker
from dicom_node.worker.processing import Processed, process
from dicom_node.worker.spooling import spool_output

__all__ = ["Processed", "Worker", "process", "spool_output"]
