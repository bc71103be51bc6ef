"""`[alerts]` and `[notify]`: what people are told of by themselves, and by which way."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dicom_node.config.values import (
    Count,
    FilePath,
    Host,
    ListOf,
    Port,
    Seconds,
    Section,
    Share,
    Text,
    is_loopback,
    refused,
)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = re.compile(rf"({'|'.join(_DAYS)})-({'|'.join(_DAYS)}) ([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)")
_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When images are expected, in this host's own time."""

    text: str

    def contain(self, local: datetime) -> bool:
        found = _HOURS.fullmatch(self.text)
        if found is None:
            return False
        first, last = _DAYS.index(found[1]), _DAYS.index(found[2])
        is_day = (local.weekday() - first) % 7 <= (last - first) % 7
        return is_day and time.fromisoformat(found[3]) <= local.time() < time.fromisoformat(
            found[4]
        )

    def seconds_into(self, local: datetime) -> float:
        """How long they have lasted today."""
        found = _HOURS.fullmatch(self.text)
        if found is None or not self.contain(local):
            return 0.0
        begin = datetime.combine(local.date(), time.fromisoformat(found[3]), local.tzinfo)
        return (local - begin).total_seconds()


def _as_hours(value: Any) -> Any:
    if not isinstance(value, str) or value == "":
        return value
    found = _HOURS.fullmatch(value)
    if found is None or found[3] >= found[4] or found[4] >= "24:00":
        raise refused(f'{value!r} is not written like "Mon-Fri 07:00-18:00"')
    return value


def _as_address(value: Any) -> Any:
    if isinstance(value, str) and not _ADDRESS.fullmatch(value):
        raise refused(f"{value!r} is no address of e-mail")
    return value


MailAddress = Annotated[Text, BeforeValidator(_as_address)]
Hours = Annotated[Text, BeforeValidator(_as_hours)]


class AlertsSection(Section):
    """`[alerts]`: what is worth telling, and how often."""

    oldest_s: Seconds = 600.0  #: an image, or a result, has been on its way for so long
    unreachable_s: Seconds = 900.0  #: a destination has not been reached for so long
    paused_s: Seconds = 86400.0  #: a destination has been paused for so long
    dead_letters: Count = 1  #: so many images failed, or results were refused or lost, in a day
    part_gone_s: Seconds = 120.0  #: of listener, worker or sender none has been alive for so long
    silent_s: Seconds = 7200.0  #: within `working_hours` nothing has come for so long
    working_hours: Hours = ""  #: "": not watched
    failed_share: Share = 0.2  #: of what came within the last hour
    failed_least: Count = 10  #: images that must have come then for that
    #: Of the whole node, without any shift: one false alarm in so many days; 0: not watched
    drift_false_alarm_days: Annotated[int, Field(ge=0)] = 90
    drift_least: Annotated[int, Field(ge=10)] = 30  #: images of a device, in the week and before
    throttle_s: Seconds = 3600.0  #: the same is told again only after so long

    @property
    def hours(self) -> WorkingHours:
        return WorkingHours(self.working_hours)


class NotifySection(Section):
    """`[notify]`: by which ways people are told; each by itself, none where nothing is set."""

    email_to: ListOf[MailAddress] = ()
    email_from: MailAddress | None = None  #: None: cxr-node@ this host
    smtp_host: Host | None = None
    smtp_port: Port = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: Text | None = None
    smtp_password_file: FilePath | None = None
    smtp_ca_file: FilePath | None = None  #: PEM; None: whom the system trusts
    #: That holds the URL: whoever has it may post.
    webhook_file: FilePath | None = None
    webhook_shape: Literal["json", "slack", "teams"] = "json"
    webhook_ca_file: FilePath | None = None  #: PEM; None: whom the system trusts
    #: A program and its arguments; no shell.
    command: ListOf[Text] = ()
    command_timeout_s: Annotated[Seconds, Field(le=60)] = 30.0

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        faults = []
        if self.email_to and self.smtp_host is None:
            faults.append("[notify] email_to needs smtp_host")
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            faults.append("[notify] smtp_user and smtp_password_file need each other")
        is_away = self.smtp_host is not None and not is_loopback(self.smtp_host)
        if self.smtp_user and self.smtp_security == "none" and is_away:
            faults.append("[notify] smtp_security = 'none' would show the password to the network")
        if self.command and not self.command[0].startswith("/"):
            faults.append("[notify] command must begin with the whole path of a program")
        if faults:
            raise refused(*faults)
        return self
