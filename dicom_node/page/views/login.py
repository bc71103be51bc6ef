"""Who somebody is: a password, or a link that who can read the node's files has made."""

import asyncio
import logging
from functools import cached_property

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dicom_node.config import User
from dicom_node.page.access.passwords import hash_of, is_right
from dicom_node.page.access.sessions import COOKIE, SESSION_S, Sessions
from dicom_node.page.access.visit import Visit
from dicom_node.page.site.audit import Audit
from dicom_node.page.site.node import Node
from dicom_node.page.site.rendering import render

logger = logging.getLogger(__name__)

#: Passwords tried at one time, and seconds for which a wrong one holds its place: a guesser of
#: passwords has two tries a second, wherever they come from.
_AT_ONCE, _HELD_S = 2, 1.0


class Login:
    """The form, and what it leads to."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    @cached_property
    def _nobodys(self) -> str:
        """Hash of a password that nobody has: an unknown name takes as long as a known one."""
        return hash_of("not the password of anybody")

    async def show(self, request: Request) -> Response:
        return _form(request)

    async def enter(self, request: Request) -> Response:
        """By the link of `cxr-node page link`."""
        sessions: Sessions = request.app.state.sessions
        cookie = sessions.enter(request.query_params.get("with", ""))
        if cookie is None:
            return _form(request, "The link is old, or was used already: make another.", 403)
        try:
            return _let_in(request, cookie, "came in by a link")
        except OSError as exc:
            return _not_on_record(request, exc)

    async def log_in(self, request: Request) -> Response:
        try:
            return await self._log_in(request)
        except OSError as exc:
            return _not_on_record(request, exc)

    async def _log_in(self, request: Request) -> Response:
        node: Node = request.app.state.node
        async with request.form(max_files=0, max_fields=4) as form:
            name, password = (str(form.get(key, ""))[:200] for key in ("name", "password"))
        users = {user.name: user for user in node.config.users}
        async with self._places:
            is_he = await run_in_threadpool(self._is_right, password, users.get(name))
            if not is_he:
                await asyncio.sleep(_HELD_S)
        if not is_he:
            peer = request.client.host if request.client else ""
            logger.warning("refused a login to the page", extra={"address": peer})
            known = name if name in users else "?"
            _audit(request).came(known, peer, "was refused", fault="wrong name or password")
            return _form(request, "Name or password is wrong.", 403)
        sessions: Sessions = request.app.state.sessions
        return _let_in(request, sessions.begin(name), "logged in")

    def _is_right(self, password: str, user: User | None) -> bool:
        kept = user.password.get_secret_value() if user else self._nobodys
        return is_right(password, kept) and user is not None


def log_out(visit: Visit) -> Response:
    visit.sessions.end(visit.cookie)
    visit.audit.came(visit.visitor.name, visit.address, "logged out", login=False)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _let_in(request: Request, cookie: str, how: str) -> Response:
    sessions: Sessions = request.app.state.sessions
    if visitor := sessions.visitor(cookie):
        peer = request.client.host if request.client else ""
        _audit(request).came(visitor.name, peer, how)
    answer = RedirectResponse("/", 303)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, cookie, SESSION_S, httponly=True, samesite="lax", secure=is_secure, path="/"
    )
    return answer


def _not_on_record(request: Request, error: OSError) -> Response:
    """Nobody comes in of whom there is no record."""
    logger.error("could not put on record who logs in", extra={"reason": error.strerror})
    said = f"The state folder's disk takes no record of who comes in: {error.strerror}. Make room."
    return _form(request, said, 503)


def _form(request: Request, fault: str = "", status: int = 200) -> Response:
    node: Node = request.app.state.node
    config = node.config
    return HTMLResponse(
        render("login.html", aet=config.node.aet, fault=fault, has_users=bool(config.users)), status
    )


def _audit(request: Request) -> Audit:
    audit: Audit = request.app.state.audit
    return audit
