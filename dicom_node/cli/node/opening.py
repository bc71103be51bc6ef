"""What a part is made of, opened as configured: ledger, broker, spool, and which pipeline it is of.

None of it needs networks: whoever only looks at a node opens the same.
"""

import logging
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from dicom_node.backoff import backoff_s
from dicom_node.cli.node.networks import pipeline_id
from dicom_node.config import EMBEDDED_BROKER, Config, Destination, ModelsSection
from dicom_node.errors import LedgerUnavailable
from dicom_node.intake.keeping import Installation
from dicom_node.ledger import Ledger
from dicom_node.network.tls import Files, Renewed
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from sr_writer.equipment import Equipment

logger = logging.getLogger(__name__)

#: Seconds between tries, at most, while a database that is down is waited for.
LEDGER_CAP_S = 10.0

_Had = TypeVar("_Had")


def open_ledger(config: Config) -> Ledger:
    config.node.state.mkdir(parents=True, exist_ok=True)
    return Ledger.open(config.ledger_url)


def wait_for_ledger(config: Config, stop: threading.Event) -> Ledger:
    """The ledger, once its database answers; LedgerUnavailable where `stop` comes first."""
    return once_it_answers(partial(open_ledger, config), stop)


def once_it_answers(use: Callable[[], _Had], stop: threading.Event) -> _Had:
    """What `use` gives of the ledger, once that is there; LedgerUnavailable where `stop` is first.

    For a start, which is to wait as well where the ledger goes away in the middle of it.
    """
    tries = 0
    while True:
        try:
            return use()
        except LedgerUnavailable as exc:
            tries += 1
            wait_s = min(LEDGER_CAP_S, backoff_s(tries, random.random(), base_s=0.2))
            extra = {"reason": str(exc), "retry_in_s": wait_s}
            logger.warning("waits for the ledger", extra=extra)
            if stop.wait(wait_s):
                raise


def open_queues(config: Config) -> Queues:
    """The broker the URL names; one id in hand at a time, so nothing waits behind a slow one."""
    url = config.broker.url.get_secret_value()
    embedded = url == EMBEDDED_BROKER
    folder = config.node.queue_folder if embedded else None
    prefix = config.broker.queue_prefix
    return Queues("filesystem://" if embedded else url, folder, prefetch=1, prefix=prefix)


def pipeline_of(config: Config) -> str:
    """What a job is of, besides its instance: how that is analysed, not who gets which results."""
    return _digest(config.leading)


def shadow_pipeline_of(config: Config) -> str:
    """That of what is only tried; "": nothing is, or it is the same."""
    tried = config.shadowing
    digest = "" if tried is None else _digest(tried)
    return "" if digest == pipeline_of(config) else digest


def _digest(models: ModelsSection) -> str:
    return pipeline_id(models.lung, models.infection, models.settings)


def open_spool(config: Config) -> Spool:
    return Spool(
        config.spool_folder,
        group_access=config.node.group_access,
        min_free_bytes=config.retention.min_free_bytes,
    )


def reporters(config: Config) -> tuple[str, ...]:
    """AE titles of the destinations that report on storage commitments."""
    committing = (to for to in config.destinations if to.verify == "commitment")
    return tuple(to.aet for to in committing if isinstance(to, Destination))


def equipment_of(config: Config) -> Equipment:
    """Who results say has made them: as built in, but for what the configuration says."""
    return Equipment(**config.equipment.model_dump(exclude_none=True))


def installation_of(config: Config) -> Installation:
    """What the intake has to know of all that is not loaded with it."""
    from inference.decoding.transfer_syntaxes import decodable

    maker = equipment_of(config)
    return Installation(pipeline_of(config), decodable(), maker.manufacturer, maker.model_name)


def tls_of(config: Config) -> Renewed | None:
    """What the listener speaks; raises UsageError where the files are no good."""
    tls = config.tls
    if tls.listen == "off":
        return None
    if tls.listen == "mutual":
        files = Files(tls.certificate, tls.key, tls.trusted, tls.revoked)
        return Renewed(files, mutual=True)
    return Renewed(Files(tls.certificate, tls.key, trusted=None), mutual=False)
