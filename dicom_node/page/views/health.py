"""`/healthz` and `/readyz`: for a supervisor, a load balancer, Kubernetes. Nothing of a patient."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from dicom_node.errors import NodeError
from dicom_node.page.site.node import Node
from dicom_node.page.site.readiness import readiness

_UNAVAILABLE = 503


def healthz(request: Request) -> Response:
    """200: this process answers and reaches the ledger."""
    node: Node = request.app.state.node
    try:
        node.ledger.workers.all()
    except NodeError as exc:
        return PlainTextResponse(f"{exc}\n", _UNAVAILABLE)
    return PlainTextResponse("ok\n")


def readyz(request: Request) -> Response:
    """200: the node can take an image, analyse it and send the results; else why not."""
    checks = readiness(request.app.state.node)
    is_ready = all(check.is_well for check in checks)
    told = {"ready": is_ready, "checks": [asdict(check) for check in checks]}
    return JSONResponse(told, 200 if is_ready else _UNAVAILABLE)
