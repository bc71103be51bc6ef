"""The broker that needs no service: a kombu transport whose queues are folders of message files.

kombu's own `filesystem` transport writes a message in place, so that a consumer now and then takes
one that is still empty (measured: 4 of 460 lost). Here a message appears whole, by rename, and
goes to exactly one consumer: whoever removes its file.
"""

import json
import logging
import os
import time
import uuid
from collections import deque
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import virtual

logger = logging.getLogger(__name__)

#: Seconds between looks at an empty queue; kombu's default of 1 s is the node's whole budget.
POLL_S = 0.01

_SUFFIX = ".json"


class Channel(virtual.Channel):
    """Puts messages into folders and takes them out, the oldest first."""

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)  # type: ignore[no-untyped-call]  # kombu's
        self._folder = Path(connection.client.transport_options["folder"])
        self._listed: dict[str, deque[str]] = {}
        self._unreadable: set[str] = set()

    def _new_queue(self, queue: str, **_kwargs: Any) -> None:
        (self._folder / queue).mkdir(parents=True, exist_ok=True)

    def _put(self, queue: str, message: dict[str, Any], **_kwargs: Any) -> None:
        # No fsync: what a power cut takes from here the ledger still knows.
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}{_SUFFIX}"
        unfinished = self._folder / queue / f".{name}.tmp"
        try:
            unfinished.write_text(json.dumps(message), "utf-8")
            unfinished.rename(self._folder / queue / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ARG002 - kombu's signature
        # Listing and sorting once for many messages keeps a long queue cheap.
        listed = self._listed.get(queue) or deque(sorted(self._names(queue)))
        self._listed[queue] = listed
        while listed:
            message = self._take(queue, listed.popleft())
            if message is not None:
                return message
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._names(queue))

    def _purge(self, queue: str) -> int:
        return sum(self._take(queue, name) is not None for name in self._names(queue))

    def _names(self, queue: str) -> list[str]:
        names = os.listdir(self._folder / queue)  # noqa: PTH208 - 10,000 Paths would be made
        return [n for n in names if n.endswith(_SUFFIX) and n not in self._unreadable]

    def _take(self, queue: str, name: str) -> dict[str, Any] | None:
        """A message that is now ours; None where another was faster, or it is none."""
        file = self._folder / queue / name
        try:
            content = file.read_bytes()
            file.unlink()
        except FileNotFoundError:
            return None
        except OSError as exc:
            # Left where it is, said once.
            self._unreadable.add(name)
            logger.warning("could not take a message", extra={"file": name, "reason": str(exc)})
            return None
        message = _parsed(content)
        if message is None:
            logger.warning("dropped a file that is no message", extra={"file": name})
        return message


class Transport(virtual.Transport):
    """What kombu is given in place of a transport's name."""

    Channel = Channel
    polling_interval = POLL_S
    driver_type = "folder"
    driver_name = "folder"


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(content)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
