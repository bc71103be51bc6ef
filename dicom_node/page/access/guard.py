"""Around every answer: what a browser may do with it, and whose requests are heard at all.

Content Security Policy without inline script or style; the name by which we are called, since a
foreign page may have its own name lead to this address (DNS rebinding); and for what changes
something, that it comes from our own page.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_node.config import MonitorSection

#: Answered by whatever name: machines ask them, and nothing in them is of a patient.
OPEN = ("/healthz", "/readyz", "/metrics")
#: Bytes of a form; and of one that has a drawing in it, which is a picture of three colors.
_LARGEST_FORM = 64 * 1024
LARGEST_DRAWING = 1024 * 1024
_DRAWING = re.compile(r"/jobs/[0-9]+/drawing")
#: Characters; no page of ours has as many.
_LONGEST_PATH = 200
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": then a browser says of our own forms that they come from nowhere.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """The application, guarded."""

    def __init__(self, app: ASGIApp, monitor: MonitorSection) -> None:
        self._app = app
        self._names = names_of(monitor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                # What is of a patient stays in no cache; assets say themselves how long.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if refusal := self._refusal(scope):
            await refusal(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(scope["path"]) > _LONGEST_PATH:
            return PlainTextResponse("there is no such page\n", 404)
        if scope["path"] in OPEN and scope["method"] in ("GET", "HEAD"):
            return None
        if _name(host) not in self._names:
            said = "not known by this name: add it to names in [monitor]"
            return PlainTextResponse(f"{said}\n", 421)
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return PlainTextResponse("GET or POST\n", 405)
        if _place(headers.get("origin", "")) != host:
            return PlainTextResponse("not asked by this page\n", 403)
        length = headers.get("content-length", "")
        most = LARGEST_DRAWING if _DRAWING.fullmatch(scope["path"]) else _LARGEST_FORM
        if not length.isdecimal() or int(length[:9]) > most:
            return PlainTextResponse("too long\n", 413)
        return None


def names_of(monitor: MonitorSection) -> Collection[str]:
    """Those by which browsers may call it."""
    own = _LOOPBACK if monitor.is_for_this_host else ()
    return {monitor.host.lower(), *own, *(name.lower() for name in monitor.names)}


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
