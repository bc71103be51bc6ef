"""Beside every part of the node: whoever comes first looks at the node, for all of them.

In every part, since the one that would tell may be the one that is gone. The ledger sees to it that
of all of them, on whatever hosts, one looks, and that what has turned is told once. Each host looks
after its own certificates. None of it may hold up the part that it runs in.
"""

import logging
import random
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from dicom_node.alerts.channels import Send, channels_of
from dicom_node.alerts.conditions import Condition, Seen, holding
from dicom_node.alerts.message import Message
from dicom_node.backoff import Retry, backoff_s
from dicom_node.config import Config
from dicom_node.errors import ChannelFailed, NodeError
from dicom_node.ledger import Holding, Ledger, Notice, Turned
from dicom_node.ops.certificates import certificate_faults
from dicom_node.ops.retention import Disk
from dicom_node.ops.running import known_destinations

logger = logging.getLogger(__name__)

#: Seconds between two looks at the node, by whoever.
EVERY_S = 30.0
#: Seconds between two questions of each process whether it is to look, or to tell.
ASK_S = 5.0
#: Seconds that the ledger has for the figures.
_WITHIN_S = 10.0
#: Seconds between two transactions that count.
_PAUSE_S = 0.1
#: Seconds that a look, or a channel, has when the part ends.
_END_WITHIN_S = 2.0


class Watch:
    """Looks, counts and tells, for one process."""

    def __init__(
        self, config: Config, ledger: Ledger, channels: Mapping[str, Send] | None = None
    ) -> None:
        """`channels`: default: those that are configured."""
        self._config = config
        self._ledger = ledger
        self._host = socket.gethostname()
        self._channels = channels_of(config.notify) if channels is None else channels

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; nothing that happens ends it."""
        while not stop.wait(ASK_S * (0.5 + random.random())):
            try:
                if self.look():
                    self._count(stop)
                while not stop.is_set() and self.tell():
                    pass
            except NodeError as exc:
                logger.warning("could not look for alerts", extra={"reason": str(exc)})
            except Exception:
                logger.exception("failed to look for alerts")

    def look(self, every_s: float = EVERY_S) -> bool:
        """At what it is time to look at, unless another has; whether the node as a whole was."""
        alerts, had_turn = self._ledger.alerts, False
        if alerts.is_due("", every_s):
            holds = holding(self._seen(), self._config.alerts)
            had_turn = self._turn("", holds, every_s)
        if alerts.is_due(self._host, every_s):
            self._turn(self._host, self._certificates(), every_s)
        return had_turn

    def _count(self, stop: threading.Event) -> None:
        """Put into sums what has happened since; the node's own writes come in between."""
        while self._ledger.tallies.fold() and not stop.wait(_PAUSE_S):
            pass

    def tell(self) -> bool:
        """One message by its channel; whether there was one."""
        notice = self._ledger.notices.claim(list(self._channels)) if self._channels else None
        if notice is None:
            return False
        try:
            self._channels[notice.channel](self._config.notify, Message.read(notice.body))
        except ChannelFailed as exc:
            self._record_failure(notice, exc)
        except Exception as exc:
            logger.exception("failed to tell of an alert", extra={"channel": notice.channel})
            self._record_failure(notice, exc)
        else:
            self._ledger.notices.told(notice.id)
            logger.info("told of alerts", extra={"channel": notice.channel})
        return True

    def _record_failure(self, notice: Notice, error: Exception) -> None:
        wait_s = backoff_s(notice.attempts, random.random(), base_s=5.0)
        retry, extra = Retry(str(error), wait_s), {"channel": notice.channel}
        if notice.is_too_old:
            logger.error("could not tell of alerts for a day: gives up", extra=extra | retry.extra)
        else:
            logger.warning("could not tell of alerts: will try again", extra=extra | retry.extra)
        self._ledger.notices.failed(
            notice.id, retry.reason, None if notice.is_too_old else retry.wait_s
        )

    def _turn(self, host: str, holds: list[Holding], every_s: float) -> bool:
        """Whether it was ours to look."""

        def put(turned: Sequence[Turned]) -> str:
            return Message.of(self._config.node.aet, self._host, turned).written()

        tell = dict.fromkeys(self._channels, put)
        throttle_s = self._config.alerts.throttle_s
        turned = self._ledger.alerts.look(host, holds, every_s, throttle_s, tell)
        for one in turned or ():
            _log(one)
        return turned is not None

    def _seen(self) -> Seen:
        now = self._ledger.now()
        return Seen(
            figures=self._ledger.gauges.figures(_WITHIN_S),
            hour=self._ledger.counts.days([now - timedelta(hours=1)])[0],
            disk=Disk.of(self._config),
            local=now.astimezone(),
            known=known_destinations(self._config),
        )

    def _certificates(self) -> list[Holding]:
        """Those of this host's files."""
        # Of several in one file, one is told of: they are renewed together.
        said = dict(certificate_faults(self._config, datetime.now(UTC)))
        return [
            Holding(Condition.CERTIFICATE, f"{self._host}:{path}", words)
            for path, words in said.items()
        ]


@contextmanager
def watching(config: Config, ledger: Ledger) -> Iterator[None]:
    """A watch beside the block, which does not wait for it longer than a moment."""
    stop = threading.Event()
    watch = threading.Thread(
        target=Watch(config, ledger).run, args=(stop,), name="watch", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        stop.set()
        # What it took and did not report on, another tells after a while.
        watch.join(_END_WITHIN_S)


def _log(turned: Turned) -> None:
    alert = turned.alert
    extra = {"alert": alert.name, "subject": alert.subject, "words": alert.words}
    if turned.is_onset:
        logger.warning("an alert is on", extra=extra)
    else:
        logger.info("an alert is over", extra=extra)
