"""`/metrics`: for Prometheus. Nothing of a patient."""

from starlette.requests import Request
from starlette.responses import Response

from dicom_node.errors import NodeError
from dicom_node.ledger import Ledger
from dicom_node.metrics import CONTENT_TYPE, exposition
from dicom_node.page.site.node import Node

#: Seconds for which an answer stands: however many scrape, the ledger is asked once.
_STANDS_S = 1.0
#: One that took long, as in an outage, is not to stand for the next scrape.
_AT_MOST_S = 5.0


def metrics(request: Request) -> Response:
    """200, whatever the ledger does: `cxr_ledger_up` says so."""
    node: Node = request.app.state.node

    def ask() -> bytes:
        return exposition(_ledger(node), node.config)

    told = node.once_in(_STANDS_S, "metrics", ask, at_most_s=_AT_MOST_S)
    return Response(told, headers={"Content-Type": CONTENT_TYPE})


def _ledger(node: Node) -> Ledger | None:
    """This process's own: what it waits for holds up no part that works."""
    try:
        return node.ledger
    except NodeError:
        return None
