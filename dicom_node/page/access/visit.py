"""One request by somebody: who it is, what they may, what they sent; and each view is asked so."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dicom_node.config import Role, role_of
from dicom_node.errors import LedgerUnavailable, NodeError, UsageError
from dicom_node.page.access.sessions import COOKIE, NOBODY, Sessions, Visitor
from dicom_node.page.site.audit import Audit
from dicom_node.page.site.node import Node
from dicom_node.page.site.rendering import render

logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
_MOST_FIELDS = 60


@dataclass(frozen=True, slots=True)
class Visit:
    """A view is given one, and answers it."""

    node: Node
    sessions: Sessions
    audit: Audit
    visitor: Visitor
    path: str
    query: Mapping[str, str]
    lists: Callable[[str], list[str]]  #: all values of a key of the query
    form: Mapping[str, str]
    params: Mapping[str, Any]  #: of the path
    address: str
    cookie: str = field(repr=False)
    said: dict[Visitor, str] = field(repr=False)  #: what is to be told on the next page
    is_live: bool = False  #: a page that is open already asks for what is new

    @property
    def by(self) -> str:
        """For the ledger: who it was, and where."""
        return f"{self.visitor.name} on the page"

    def may(self, role: str) -> bool:
        return self.visitor.role >= Role[role.upper()]

    def note(self, what: str, about: str = "", detail: str = "") -> None:
        self.audit.did(self.visitor.name, self.address, what, about, detail)

    def tell(self, text: str) -> None:
        """On the page that is shown next."""
        self.said[self.visitor] = text

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        told = "" if self.is_live else self.said.pop(self.visitor, "")
        return HTMLResponse(
            render(
                template,
                aet=self.node.config.node.aet,
                visit=self,
                visitor=self.visitor,
                may=self.may,
                token=self.sessions.form_token(self.visitor),
                told=told,
                **values,
            ),
            status,
        )


def visited(role: Role, view: Callable[[Visit], Response]) -> Endpoint:
    """The view for those who may see it; others are asked who they are, or told that they may not.

    What is posted has the token of one of our own forms, or is not done.
    """

    async def endpoint(request: Request) -> Response:
        state = request.app.state
        visitor = visitor_of(request)
        if visitor is None or (visitor.role < role and not visitor.name):
            return RedirectResponse("/login", 303)
        form: dict[str, str] = {}
        if request.method == "POST":
            async with request.form(max_files=0, max_fields=_MOST_FIELDS) as sent:
                form = {key: value for key, value in sent.items() if isinstance(value, str)}
        visit = Visit(
            node=state.node,
            sessions=state.sessions,
            audit=state.audit,
            visitor=visitor,
            path=request.url.path,
            query=request.query_params,
            lists=request.query_params.getlist,
            form=form,
            params=request.path_params,
            address=request.client.host if request.client else "",
            cookie=request.cookies.get(COOKIE, ""),
            said=state.said,
            is_live="x-live" in request.headers,
        )
        if visitor.role < role:
            return visit.page("message.html", 403, title="Not for you", text=_MAY_NOT)
        token = form.get("token", "")
        if request.method == "POST" and not state.sessions.is_form_token(visitor, token):
            return visit.page("message.html", 403, title="Not done", text=_STALE)
        return await run_in_threadpool(_answer, view, visit)

    return endpoint


_MAY_NOT = "Your role does not allow this. [[user]] role in the configuration says what it is."
_STALE = "The form is of another session. Go back, load the page again, and do it once more."


def visitor_of(request: Request) -> Visitor | None:
    """Who it is; None where they have to say so before they see anything."""
    node: Node = request.app.state.node
    sessions: Sessions = request.app.state.sessions
    monitor = node.config.monitor
    peer = request.client.host if request.client else ""
    if monitor.proxy is not None and peer == monitor.proxy:
        name = request.headers.get(monitor.proxy_header, "").strip()[:64]
        if name.isprintable() and name:
            known = {user.name: user.role for user in node.config.users}
            return Visitor(name, role_of(known.get(name, monitor.proxy_role)), "proxy")
    if found := sessions.visitor(request.cookies.get(COOKIE, "")):
        return found
    # Nobody else reaches a page of this host, but by a proxy.
    return NOBODY if monitor.is_for_this_host and monitor.proxy is None else None


def _answer(view: Callable[[Visit], Response], visit: Visit) -> Response:
    try:
        return view(visit)
    except LedgerUnavailable as exc:
        text = f"{exc}. Every C-STORE is answered 0xA700 meanwhile: senders keep their copies."
        title = "The ledger does not answer"
        return visit.page("message.html", 503, title=title, text=text, every=5)
    except UsageError as exc:
        return visit.page("message.html", 400, title="It cannot be done", text=str(exc))
    except NodeError as exc:
        return visit.page("message.html", 404, title="It cannot be had", text=str(exc))
    except OSError as exc:
        logger.exception("could not answer", extra={"path": visit.path})
        text = f"The disk does not take or give it: {exc.strerror}."
        return visit.page("message.html", 503, title="It cannot be had", text=text)
