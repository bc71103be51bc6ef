"""The desk at which readers draw on the page: what they drew is taken in as a sender's is."""

from contextlib import closing
from functools import partial

from dicom_node.cli.node.opening import installation_of, open_queues
from dicom_node.drawing.desk import Desk
from dicom_node.intake.keeping import Intake
from dicom_node.intake.ranking import Ranking
from dicom_node.page.site.node import Node


def desk_of(node: Node) -> Desk:
    return Desk(node.spool, partial(_take, node))


def _take(node: Node, content: bytes, sop_class_uid: str, sop_instance_uid: str) -> None:
    """As the listener takes what a viewer stores; it came from this node itself."""
    config = node.config
    with closing(open_queues(config)) as queues:
        intake = Intake(
            node.spool, node.ledger, queues, installation_of(config), Ranking(config.priority),
            corrections=config.corrections.accept,
        )  # fmt: skip
        intake.receive(content, sop_class_uid, sop_instance_uid, config.node.aet)
