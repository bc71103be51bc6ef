"""A received image out of the spool, a built result into it, with what the ledger is to know."""

from dicom_node.errors import DamagedInSpool, SpoolUnreadable
from dicom_node.ledger import BuiltOutput, Job
from dicom_node.spool import Spool
from sr_writer.results import Output


def read_received(spool: Spool, job: Job) -> bytes:
    """The image of a job; raises DamagedInSpool or SpoolUnreadable with what is to be done."""
    try:
        return spool.read_verified(job.path, job.sha256)
    except (DamagedInSpool, SpoolUnreadable) as exc:
        reason = f"{job.sop_instance_uid}: the received file is lost: {exc}; send the image again"
        raise type(exc)(reason) from exc


def spool_output(spool: Spool, output: Output, role: str = "", study: str = "") -> BuiltOutput:
    """Keep one result. `role` is another name than its own, `study` another than its job's."""
    stored = spool.store_output(output.sop_instance_uid, output.content)
    return BuiltOutput(
        role=role or output.role,
        sop_class_uid=output.sop_class_uid,
        sop_instance_uid=output.sop_instance_uid,
        series_instance_uid=output.series_instance_uid,
        transfer_syntax_uid=output.transfer_syntax_uid,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        study_instance_uid=study,
    )
