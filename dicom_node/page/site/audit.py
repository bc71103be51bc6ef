"""Who did what on the page, and whose images they looked at: a file that lines are added to.

One JSON object a line, in the state folder, for the node's own user alone. What was done to a job
or a destination is an event of it in the ledger as well; who only looked stands here,
and where `[audit]` says.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from dicom_node.audit import Participant, Subject, Trail, events

#: In the state folder.
FILE = "page.audit.jsonl"
#: Bytes from the end that are read for people; all of it is in the file.
_SHOWN_BYTES = 256 * 1024
#: Seconds for which a page that is open asks for more, and it is one look.
_WHILE_S = 3600.0
_MOST_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class Record:
    """Somebody did something."""

    at: str  #: ISO 8601, UTC
    who: str
    address: str  #: of the browser, or of the proxy before it
    what: str
    about: str = ""  #: `job 12`, the name of a destination
    detail: str = ""  #: why, and what came of it


class Audit:
    """The record of one state folder, and what is told of it to whoever keeps the hospital's."""

    def __init__(self, state: Path, trail: Trail) -> None:
        self._path = state / FILE
        self._trail = trail
        #: When somebody from somewhere looked at something, by this process's clock.
        self._seen: dict[tuple[str, str, str], float] = {}

    def did(self, who: str, address: str, what: str, about: str = "", detail: str = "") -> None:
        """What not everybody may. Raises OSError where the disk does not take it: then it is not to
        be done either.
        """
        self.add(who, address, what, about, detail)
        said = " ".join(filter(None, (what, about, detail)))
        self._trail.record(events.restricted(_person(who, address), self._trail.process, said))

    def saw(
        self,
        who: str,
        address: str,
        about: str,
        subject: Callable[[], Subject],
        *,
        is_more: bool = False,
    ) -> None:
        """Somebody looked at a patient's images; `subject` is asked only where anybody is told.

        `is_more`: at its picture, or at what is new of it; on record once in a while, be it that
        they say so or not: whoever asks for these alone has looked too.
        """
        now, this = time.monotonic(), (who, address, about)
        if is_more and now - self._seen.get(this, -_WHILE_S) < _WHILE_S:
            return
        self.add(who, address, "looked at", about)
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[this] = now
        if self._trail.is_on:
            self._trail.record(events.accessed(_person(who, address), subject()))

    def came(
        self, who: str, address: str, what: str, *, login: bool = True, fault: str = ""
    ) -> None:
        """Somebody logged in, or out, or was not let in."""
        self.add(who, address, what)
        process = self._trail.process
        person = _person(who, address)
        self._trail.record(events.authenticated(person, process, login=login, fault=fault))

    def add(self, who: str, address: str, what: str, about: str = "", detail: str = "") -> None:
        """To the file alone; raises OSError."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps(asdict(Record(at, who, address, what, about, detail[:1000])))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def latest(self, limit: int) -> list[Record]:
        """The newest first."""
        return list(self._read())[: -limit - 1 : -1]

    def _read(self) -> Iterator[Record]:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _SHOWN_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                yield Record(**json.loads(line))
            except (ValueError, TypeError):
                # The first may be the end of one.
                continue


def _person(who: str, address: str) -> Participant:
    return Participant(who, host=address)
