"""An address of its own to which archives move what was asked for (C-MOVE, PS3.4 C.4.2).

Apart from the listener: what comes here was asked for, and is no image that somebody has routed to
the node. It is open while an archive is being asked, and takes nothing but what is waited for.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pynetdicom import evt
from pynetdicom.events import Event

from dicom_node.errors import (
    OUT_OF_RESOURCES,
    SUCCESS,
    DestinationUnavailable,
    TooLarge,
)
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.intake.store_requests import StoreRequests
from dicom_node.network.dimse import Asked, Server, acceptor
from dicom_node.network.tls import Renewed

logger = logging.getLogger(__name__)

#: Refused: not authorized, PS3.7 Annex C.5.
_NOT_AUTHORIZED = 0x0124
#: Called AE Title not recognized, PS3.8 table 9-21: permanent, by the service user.
_WRONG_TITLE = (0x01, 0x01, 0x07)
_ASK_WITHIN_S = 10.0
_SILENT_S = 120.0


class Inbox:
    """One address of one process, used by one conversation at a time."""

    def __init__(
        self,
        aet: str,
        address: tuple[str, int],
        largest: int,
        syntaxes: Sequence[str],
        tls: Callable[[], Renewed | None] = lambda: None,
    ) -> None:
        """`largest`: bytes that an image may have; `syntaxes`: transfer syntaxes taken; `tls`: what
        is spoken there, with the files as they are when it opens.
        """
        self.aet = aet
        self._address = address
        self._tls = tls
        self._requests = StoreRequests(largest)
        self._syntaxes = list(syntaxes)
        self._turn = threading.Lock()
        self._waited_for = ""
        self._content: bytes | None = None
        self._why = ""

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Raises DestinationUnavailable where the address cannot be had: another process of this
        host asks somebody, perhaps.
        """
        with self._turn:
            server = self._listen()
            try:
                yield
            finally:
                server.close()
                for association in server.associations:
                    association.abort()

    def expect(self, sop_instance_uid: str) -> None:
        """Take this one from now on, and no other."""
        self._waited_for, self._content, self._why = sop_instance_uid, None, ""

    def got(self) -> tuple[bytes | None, str]:
        """The Part 10 file that was waited for, None where it has not come; and why, if that is
        known.
        """
        return self._content, self._why

    def _listen(self) -> Server:
        ae = acceptor(self.aet, _ASK_WITHIN_S, _SILENT_S)
        for uid in ANALYSED_SOP_CLASSES:
            ae.add_supported_context(uid, self._syntaxes)
        handlers = [*self._requests.handlers, (evt.EVT_C_STORE, self._on_store)]
        try:
            server = Server(
                ae, self._address, handlers, self._decide, lambda *_: None, lambda *_: None,
                self._tls(),
            )  # fmt: skip
        except OSError as exc:
            host, port = self._address
            raise DestinationUnavailable(
                f"cannot listen on {host}:{port} for what is moved ([priors] move_port):"
                f" {exc.strerror or exc}"
            ) from exc
        server.start()
        return server

    def _decide(self, asked: Asked) -> tuple[int, int, int] | None:
        return None if asked.called_aet == self.aet else _WRONG_TITLE

    def _on_store(self, event: Event) -> int:
        uid = self._requests.sop_instance_uid(event)
        if uid != self._waited_for:
            extra = {"sop_instance_uid": uid, "from": event.assoc.requestor.ae_title.strip()}
            logger.warning("was moved what nobody waits for: refused", extra=extra)
            return _NOT_AUTHORIZED
        try:
            self._content = self._requests.content(event)
        except TooLarge as exc:
            self._why = f": {exc}"
            return OUT_OF_RESOURCES
        return SUCCESS
