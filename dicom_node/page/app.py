"""The page's routes in one table, and the application made of them."""

from importlib.resources import files

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dicom_node.config import Role
from dicom_node.page.access.guard import Guard
from dicom_node.page.access.sessions import Sessions
from dicom_node.page.access.visit import visited
from dicom_node.page.site.audit import Audit
from dicom_node.page.site.node import Node
from dicom_node.page.views import (
    audit,
    destinations,
    drawing,
    health,
    job,
    jobs,
    login,
    metrics,
    overview,
    quality,
    review,
    shadow,
)

#: For machines, asked by whatever name; nothing of a patient is in them. What is added here is to
#: be in `access.guard.OPEN` too.
MACHINES: tuple[BaseRoute, ...] = (
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
    Route("/metrics", metrics.metrics),
)
_ASSETS = {
    "page.css": "text/css",
    "draw.css": "text/css",
    "page.js": "text/javascript",
    "draw.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def make_app(node: Node) -> Starlette:
    """The application of one node; raises SpoolUnavailable where its state folder has no room."""
    monitor = node.config.monitor
    app = Starlette(
        routes=[*MACHINES, *(_pages() if monitor.pages else ())],
        middleware=[Middleware(Guard, monitor=monitor)],
    )
    app.state.node = node
    if monitor.pages:
        app.state.sessions = Sessions.of(node.config)
        app.state.audit = Audit(node.config.node.state, node.trail)
        app.state.said = {}
    return app


def _pages() -> list[BaseRoute]:
    entry = login.Login()
    posted = ["POST"]
    return [
        Route("/", visited(Role.GLANCE, overview.overview)),
        Route("/destinations/{what:str}", visited(Role.OPERATE, destinations.act), methods=posted),
        Route("/jobs", visited(Role.VIEW, jobs.jobs)),
        Route("/jobs/confirm", visited(Role.OPERATE, jobs.confirm), methods=posted),
        Route("/jobs/act", visited(Role.OPERATE, jobs.act), methods=posted),
        Route("/jobs/{job_id:int}", visited(Role.VIEW, job.job)),
        Route("/jobs/{job_id:int}/picture", visited(Role.VIEW, job.picture)),
        Route("/jobs/{job_id:int}/priority", visited(Role.OPERATE, job.rank), methods=posted),
        Route("/jobs/{job_id:int}/drawing", visited(Role.VIEW, drawing.editor)),
        Route("/jobs/{job_id:int}/drawing", visited(Role.VIEW, drawing.keep), methods=posted),
        Route("/jobs/{job_id:int}/drawing/radiograph", visited(Role.VIEW, drawing.radiograph)),
        Route("/jobs/{job_id:int}/drawing/masks", visited(Role.VIEW, drawing.masks)),
        Route("/find", visited(Role.VIEW, jobs.find), methods=posted),
        Route("/quality", visited(Role.VIEW, quality.quality)),
        Route("/review", visited(Role.VIEW, review.review)),
        Route("/review/{job_id:int}", visited(Role.VIEW, review.assess), methods=posted),
        Route("/shadow", visited(Role.VIEW, shadow.shadow)),
        Route("/shadow/{job_id:int}/picture", visited(Role.VIEW, shadow.picture)),
        Route("/audit", visited(Role.ADMINISTER, audit.audit)),
        Route("/login", entry.show),
        Route("/login", entry.log_in, methods=posted),
        Route("/enter", entry.enter),
        Route("/logout", visited(Role.GLANCE, login.log_out), methods=posted),
        Route("/assets/{name:str}", _asset),
    ]


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _ASSETS:
        return Response(status_code=404)
    content = (files("dicom_node.page") / "assets" / name).read_bytes()
    # By its name it may change with the version: asked again, but only now and then.
    return Response(content, media_type=_ASSETS[name], headers={"Cache-Control": "max-age=300"})
