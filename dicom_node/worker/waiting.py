"""Wait for the ledger, and for a while for the spool: what was analysed is not analysed again."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from dicom_node.errors import LedgerUnavailable, SpoolUnavailable

logger = logging.getLogger(__name__)

#: Seconds between two tries to use the ledger or the spool, while it is away.
AWAY_WAIT_S = 1.0
#: Seconds a result waits for the spool, at most: it may be one folder alone that cannot be written,
#: and then others are to have their turn.
SPOOL_WAIT_S = 60.0

_Had = TypeVar("_Had")


def once_there(use: Callable[[], _Had], stop: threading.Event, on_wait: Callable[[], None]) -> _Had:
    """What `use` gives, once ledger and spool are there; `on_wait` is called before each new try.

    Raises SpoolUnavailable after `SPOOL_WAIT_S`, and what is away where `stop` comes first.
    """
    said = ""
    until = time.monotonic() + SPOOL_WAIT_S
    while True:
        try:
            return use()
        except (LedgerUnavailable, SpoolUnavailable) as exc:
            what = "ledger" if isinstance(exc, LedgerUnavailable) else "spool"
            if said != str(exc):
                said = str(exc)
                logger.warning(f"waits for the {what}", extra={"reason": said})
            too_long = what == "spool" and time.monotonic() > until
            if stop.wait(AWAY_WAIT_S) or too_long:
                raise
            on_wait()
