"""Who asks archives for earlier radiographs: a loop each, in a process that sends."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dicom_node.audit import Trail
from dicom_node.config import AnyDestination, Config
from dicom_node.errors import BrokerUnavailable
from dicom_node.ledger import Ledger
from dicom_node.network.tls import Renewed
from dicom_node.patients import Patients
from dicom_node.queueing import Kind, Queues
from dicom_node.retrieval.archive import Archive
from dicom_node.retrieval.audited import told
from dicom_node.retrieval.dicom import DicomArchive
from dicom_node.retrieval.inbox import Inbox
from dicom_node.retrieval.inquiring import InquiryLoop
from dicom_node.retrieval.taking import Taking
from dicom_node.retrieval.web import WebArchive
from dicom_node.spool import Spool
from dicom_node.threads import Loop
from inference.decoding.transfer_syntaxes import decodable
from sr_writer.equipment import Equipment

logger = logging.getLogger(__name__)

_MEGABYTE = 1_000_000
#: Of a destination's settings, this node's AE title and the bytes that an image may have.
_Ask = Callable[[Any, str, int], Archive]


def inquiry_loops(
    config: Config,
    pipeline_of: Callable[[], str],
    maker: Equipment,
    ledger: Ledger,
    spool: Spool,
    queues: Queues,
    owner: str,
    trail: Trail,
    tls: Callable[[], Renewed | None] = lambda: None,
) -> dict[str, Loop]:
    """One for each archive that `[priors]` names; none where it names none."""
    asked = [to for to in config.destinations if to.name in config.priors.ask]
    if not asked:
        return {}
    pipeline = pipeline_of()
    publish = partial(_publish, queues, pipeline)
    ours = maker.manufacturer, maker.model_name
    taking = Taking(ledger, spool, Patients.of(spool), pipeline, ours, publish)
    inbox = inbox_of(config, tls)
    loops = (
        InquiryLoop(
            to.name, archive_of(config, to, inbox), config.priors, ledger, spool, taking,
            owner, told(trail, to),
        )
        for to in asked
    )  # fmt: skip
    return {f"ask {loop.name}": loop.run for loop in loops}


def archive_of(config: Config, to: AnyDestination, inbox: Inbox | None = None) -> Archive:
    """A destination of those that may have earlier radiographs, to be asked as its kind is;
    `inbox`: to which it is to move them, if it does; None: one of its own.
    """
    own = (inbox or inbox_of(config)) if to.retrieves_by_move else None
    ways: Mapping[str, _Ask] = {
        "dicom": partial(DicomArchive, syntaxes=decodable(), inbox=own),
        "dicomweb": WebArchive,
    }
    return ways[to.kind](to, config.node.aet, config.node.max_instance_mb * _MEGABYTE)


def inbox_of(config: Config, tls: Callable[[], Renewed | None] = lambda: None) -> Inbox:
    """Where archives move what was asked for; it listens when one is asked."""
    address = config.node.host, config.priors.move_port
    largest = config.node.max_instance_mb * _MEGABYTE
    return Inbox(config.priors.move_aet, address, largest, decodable(), tls)


def _publish(queues: Queues, pipeline: str, job_id: int) -> None:
    try:
        queues.publish(Kind.JOB, job_id, pipeline)
    except BrokerUnavailable as exc:
        logger.warning("could not publish; recovery will", extra={"reason": str(exc)})
