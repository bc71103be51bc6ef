"""Who was refused at the door, why and how often: counted, logged within reason, shown by `status`.

Kept in a small file of the state folder, since nothing of it is worth a transaction: a stranger
must not make the ledger write.
"""

import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.network.door import CERTIFICATE_REFUSED, is_of_tls

if TYPE_CHECKING:
    from dicom_node.network.dimse import Asked

logger = logging.getLogger(__name__)

#: Rows kept; whoever comes after is counted with all others.
MOST_ROWS = 50
#: Seconds between two lines of the log about the same row.
LOG_EVERY_S = 60.0
#: Seconds after which a change is on the disk.
_KEPT_WITHIN_S = 1.0
_PREFIX = "refused."
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Refusal:
    """So many times, the same host for the same reason."""

    host: str  #: IP address
    calling_aet: str  #: "" where none was said
    called_aet: str
    why: str
    count: int
    first_at: str  #: ISO 8601, UTC
    last_at: str


_Key = tuple[str, str, str, str]
#: Given host, calling AE title ("" where none was said) and the reason: somebody was not let in.
Alert = Callable[[str, str, str], None]


class Refusals:
    """Of one listener."""

    def __init__(
        self,
        state: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        alert: Alert = lambda *_: None,
    ) -> None:
        """`alert`: of what is logged, not of every one: a stranger must not fill an audit trail."""
        self._alert = alert
        self._path = state / f"{_PREFIX}{socket.gethostname()}.json"
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at: dict[_Key, float] = {}
        self._timer: threading.Timer | None = None
        self._rows = {_key(one): one for one in _read(self._path)}
        self._new: dict[_Key, Refusal] = {}  #: counted since the file was last written

    def rejected(self, asked: "Asked", why: str) -> None:
        """An A-ASSOCIATE-RQ was answered with A-ASSOCIATE-RJ."""
        key = (asked.host, asked.calling_aet, asked.called_aet, why)
        who = {"from": asked.calling_aet, "host": asked.host, "called": asked.called_aet}
        if self._count(key, logging.WARNING, f"rejected an association: {why}", who):
            self._alert(asked.host, asked.calling_aet, why)

    def unasked(self, host: str, why: str) -> None:
        """A connection ended without having asked for an association."""
        what = f"a connection asked for no association: {why}"
        # Who shows a certificate means to send: one of ours whose own has ended, or a stranger.
        level = logging.WARNING if why.startswith(CERTIFICATE_REFUSED) else logging.INFO
        if self._count((host, "", "", why), level, what, {"host": host}) and is_of_tls(why):
            self._alert(host, "", why)

    def close(self) -> None:
        """Bring to the disk what is not there yet."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._write()

    def _count(self, key: _Key, level: int, what: str, who: dict[str, str]) -> bool:
        """Whether that was news."""
        now = self._clock().isoformat(timespec="seconds")
        with self._lock:
            if key not in self._rows and len(self._rows) >= MOST_ROWS:
                key = (_OTHERS, "", "", f"for any reason, after the first {MOST_ROWS}")
            one = Refusal(*key, 1, now, now)
            row = self._rows[key] = _sum(self._rows.get(key), one)
            self._new[key] = _sum(self._new.get(key), one)
            if self._timer is None:
                self._timer = threading.Timer(_KEPT_WITHIN_S, self._on_timer)
                self._timer.daemon = True
                self._timer.start()
            at = time.monotonic()
            is_news = at - self._logged_at.get(key, -LOG_EVERY_S) >= LOG_EVERY_S
            if is_news:
                self._logged_at[key] = at
        if is_news:
            logger.log(level, what, extra=who | {"times": row.count})
        return is_news

    def _on_timer(self) -> None:
        with self._lock:
            self._write()

    def _write(self) -> None:
        self._timer = None
        temporary = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                # Another listener of this host may count into the same file.
                fcntl.flock(lock, fcntl.LOCK_EX)
                rows = {_key(one): one for one in _read(self._path)}
                rows |= {key: _sum(rows.get(key), row) for key, row in self._new.items()}
                told = [asdict(row) for row in rows.values()]
                temporary.write_text(json.dumps(told, indent=1), "utf-8")
                os.replace(temporary, self._path)  # noqa: PTH105 - over what is there
            self._rows, self._new = rows, {}
        except OSError as exc:
            # A full disk stops instances, with a reason; not the count of who was refused.
            logger.warning("could not keep who was refused", extra={"reason": str(exc)})


def refusals_in(state: Path) -> list[Refusal]:
    """What the listeners on this state folder have refused, the latest last."""
    rows = [row for path in state.glob(f"{_PREFIX}*.json") for row in _read(path)]
    return sorted(rows, key=lambda row: row.last_at)


def _sum(before: Refusal | None, more: Refusal) -> Refusal:
    """Of one key; `more` is the later."""
    if before is None:
        return more
    return replace(more, count=before.count + more.count, first_at=before.first_at)


def _key(row: Refusal) -> _Key:
    return row.host, row.calling_aet, row.called_aet, row.why


def _read(path: Path) -> Iterator[Refusal]:
    try:
        rows = json.loads(path.read_text("utf-8"))
        yield from [Refusal(**row) for row in rows]
    except (OSError, ValueError, TypeError):
        # None yet, or a version that kept something else: counted from now.
        return
