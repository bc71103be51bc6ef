"""Requests to one server, one after the other on one connection, each saying who the node is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2

from dicom_node.config import ServerDestination
from dicom_node.web.access import Access
from dicom_node.web.exchange import CONNECT_S, LARGEST_ANSWER, Answer, connect, exchange

_NOTHING: Mapping[str, str] = {}
_UNAUTHORIZED = 401


class Session:
    """Open as long as the results of one study are sent."""

    def __init__(self, to: ServerDestination, access: Access, client: httpx2.Client) -> None:
        self._to = to
        self._access = access
        self._client = client

    def request(
        self,
        method: str,
        url: str,
        timeout_s: float,
        headers: Mapping[str, str] = _NOTHING,
        content: bytes = b"",
        largest: int = LARGEST_ANSWER,
    ) -> Answer:
        """Whatever it is answered, in `largest` bytes at most; raises DestinationUnavailable.

        A token that is no longer accepted is replaced once: it may have been revoked.
        """
        answer = self._request(method, url, timeout_s, headers, content, largest)
        if answer.status == _UNAUTHORIZED and self._access.forget():
            answer = self._request(method, url, timeout_s, headers, content, largest)
        return answer

    def _request(
        self,
        method: str,
        url: str,
        timeout_s: float,
        headers: Mapping[str, str],
        content: bytes,
        largest: int,
    ) -> Answer:
        authorization = self._access.authorization(self._post_form)
        who = {"Authorization": authorization} if authorization else {}
        return exchange(
            self._client, self._to.name, method, url, {**headers, **who}, content, timeout_s,
            largest,
        )  # fmt: skip

    def _post_form(self, url: str, authorization: str, form: bytes) -> Answer:
        headers = {
            "Authorization": authorization,
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return exchange(self._client, self._to.name, "POST", url, headers, form, CONNECT_S)


@contextmanager
def session(to: ServerDestination, access: Access) -> Iterator[Session]:
    """Nothing is sent yet; raises DestinationAway where a certificate is amiss."""
    with connect(to) as client:
        yield Session(to, access, client)
