"""What a person does about a destination: pause it, resume it, ask it, have it tried at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from dicom_node.config import AnyDestination, Config, Destination
from dicom_node.delivery.kinds import DESTINATION_KINDS
from dicom_node.errors import DestinationUnavailable, NodeError, UsageError
from dicom_node.ledger import Ledger
from dicom_node.ops.running import known_destinations, last_run
from dicom_node.ops.standing import standing_words
from dicom_node.ops.wording import numbered
from dicom_node.spelling import did_you_mean
from dicom_node.spool import Spool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said that was asked whether it is there."""

    said: str
    waiting: int  #: deliveries that were made due
    is_paused: bool
    is_silent: bool

    @property
    def words(self) -> str:
        return f"{self.said}; {self._what_waits}"

    @property
    def _what_waits(self) -> str:
        if self.is_silent:
            return "it is silent: nothing is sent there"
        if not self.waiting:
            return "nothing waits for it"
        waits = numbered(self.waiting, "delivery waits", "deliveries wait")
        if self.is_paused:
            return f"it is paused: {waits} until it is resumed"
        return f"{waits} for it and {'is' if self.waiting == 1 else 'are'} sent now"


def pause(
    config: Config, ledger: Ledger, name: str, by: str, why: str, until: datetime | None
) -> str:
    """Send nothing there; how it stands then."""
    assert_configured(config, name)
    if until and until <= ledger.now():
        raise UsageError(f"{until:%Y-%m-%d %H:%M} UTC has passed")
    ledger.breakers.pause(name, by, why, until)
    return standing_words(ledger.breakers.of(name), ledger.now())


def resume(ledger: Ledger, name: str, by: str) -> str:
    """Send there again, at once; how it stands then. Raises NodeError where it is not paused."""
    assert_known(name, [record.name for record in ledger.destinations.all()])
    if not ledger.breakers.resume(name, by):
        raise NodeError(f"{name} is not paused")
    ledger.deliveries.make_due(name)
    return standing_words(ledger.breakers.of(name), ledger.now())


def ask(config: Config, ledger: Ledger, name: str, by: str, spool: Spool) -> str:
    """Whether it is there, by C-ECHO or QIDO-RS, from this host; raises DestinationUnavailable."""
    destination, aet = destination_of(config, name)
    carrier = DESTINATION_KINDS[destination.kind].carrier(destination, aet, spool)
    try:
        said = carrier.test()
    except DestinationUnavailable as exc:
        ledger.breakers.tried(name, by, str(exc))
        raise
    ledger.breakers.tried(name, by, said)
    return said


def attempt(config: Config, ledger: Ledger, name: str, by: str, spool: Spool) -> Answer:
    """The same; and if it is there, its rest ends and what waits for it is sent now."""
    said = ask(config, ledger, name, by, spool)
    destination, _ = destination_of(config, name)
    # In this order: once its rest ends, senders take what is to be counted.
    due = ledger.deliveries.make_due(name)
    ledger.breakers.reached(name, by)
    paused = ledger.breakers.of(name).is_paused(ledger.now())
    return Answer(said, due, paused, destination.silent)


def assert_known(name: str, names: Collection[str]) -> None:
    if name not in names:
        hint = did_you_mean(name, names)
        raise UsageError(f"nothing was ever built for a destination {name!r}{hint}")


def assert_configured(config: Config, name: str) -> None:
    known = known_destinations(config)
    if known is not None and name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"no destination {name!r} is configured{hint}")


def destination_of(config: Config, name: str) -> tuple[AnyDestination, str]:
    """The destination as it is configured, or as `up` was given it; and the node's AE title."""
    assert_configured(config, name)
    for destination in config.destinations:
        if destination.name == name:
            return destination, config.node.aet
    running = last_run(config.node.state)
    if running is None:
        raise UsageError(f"no destination {name!r} is configured: say --config")
    return Destination.parse(name), running.aet
