"""The sections of the configuration, nested as the file is: each part is given its own."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dicom_node.config.alerting import AlertsSection, NotifySection
from dicom_node.config.audit import AuditSection
from dicom_node.config.destination import AnyDestination
from dicom_node.config.monitor import MonitorSection, User
from dicom_node.config.networks import ModelsSection, ShadowSection
from dicom_node.config.node import LOOPBACK, NodeSection
from dicom_node.config.places import BrokerSection, LedgerSection, SpoolSection
from dicom_node.config.values import (
    AeTitle,
    Attribute,
    Code,
    Count,
    Days,
    FilePath,
    IpAddress,
    ListOf,
    Port,
    Processes,
    Seconds,
    Section,
    Text,
    is_loopback,
    refused,
)
from sr_writer.equipment import Equipment


class TlsSection(Section):
    """`[tls]`: the node's own certificate, and whom it believes (PS3.15 B.12)."""

    #: Whether who connects has to speak TLS: "mutual": and to show a certificate that is trusted.
    listen: Literal["off", "server", "mutual"] = "off"
    #: PEM files; destinations may have others. None: it has none.
    certificate: FilePath | None = None
    key: FilePath | None = None  #: None: it is in the certificate's file
    trusted: FilePath | None = None  #: issuers of the peers' certificates, or these themselves
    revoked: FilePath | None = None  #: lists of those that were revoked, one of each issuer

    @model_validator(mode="after")
    def _is_enough(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise refused("[tls] key is of no use without certificate")
        if self.listen != "off" and self.certificate is None:
            raise refused(f"[tls] listen = {self.listen!r} needs certificate")
        if self.revoked is not None and self.trusted is None:
            raise refused("[tls] revoked is of no use without trusted")
        if self.listen == "mutual" and self.trusted is None:
            raise refused("[tls] listen = 'mutual' needs trusted: whose certificates are believed")
        return self


class WorkerSection(Section):
    """`[worker]`."""

    #: A worker that has held a job for so long without getting any further hangs, and ends itself.
    lease_s: Seconds = 120.0
    #: Of one `cxr-node up`; "auto": as many as its cores and its memory allow.
    processes: Processes = 1


class Reports(Section):
    """`[reports]`: which instances without a result get a report that says why."""

    failed: bool = True  #: those whose analysis broke off
    not_analysed: bool = False  #: those that are no frontal chest radiograph


class PriorsSection(Section):
    """`[priors]`: earlier radiographs of the same patient beside the one in hand."""

    days: Annotated[int, Field(ge=0, le=36500)] = (
        0  #: how far back they may be; 0: none are compared
    )
    most: Annotated[Count, Field(le=6)] = 5  #: of them, the most recent; a page has room for six
    #: Names of destinations that are asked for those that never came here.
    ask: ListOf[Text] = ()
    send: bool = False  #: results of what was fetched so, as those of any other
    #: To whom a destination with retrieve = "move" moves them, on [node] host: nothing else.
    move_aet: AeTitle = "CXRPRIORS"
    move_port: Port = 11113

    @model_validator(mode="after")
    def _asks_for_what_is_compared(self) -> Self:
        if self.ask and not self.days:
            raise refused("[priors] ask is of no use without days")
        if self.send and not self.ask:
            raise refused("[priors] send is of no use without ask")
        return self


class CorrectionsSection(Section):
    """`[corrections]`: what readers have drawn comes back."""

    accept: bool = False  #: Segmentations that a person has drawn are counted and kept
    report: bool = False  #: and a report says what was counted in each
    #: Titles of key objects by which readers accept, or reject, the results that they select.
    accepting_titles: ListOf[Code] = ()
    rejecting_titles: ListOf[Code] = ("113001 DCM", "113037 DCM", "113010 DCM")

    @model_validator(mode="after")
    def _reports_what_is_taken(self) -> Self:
        if self.report and not self.accept:
            raise refused("[corrections] report is of no use without accept")
        return self

    @model_validator(mode="after")
    def _titles_say_one_thing(self) -> Self:
        for title in set(self.accepting_titles) & set(self.rejecting_titles):
            raise refused(f"[corrections] {title!r} cannot both accept and reject")
        return self


class PrioritySection(Section):
    """`[priority]`: who goes first."""

    #: Calling AE titles whose images are STAT, or LOW.
    stat_callers: ListOf[AeTitle] = ()
    low_callers: ListOf[AeTitle] = ()
    #: `KEYWORD=VALUE`, with * and ?: what of an image's header makes it STAT, or LOW.
    stat_attributes: ListOf[Attribute] = (
        "RequestedProcedurePriority=STAT",
        "RequestedProcedurePriority=HIGH",
    )
    low_attributes: ListOf[Attribute] = ("RequestedProcedurePriority=LOW",)
    low_after_days: Days = 7  #: what was acquired so long ago is LOW
    #: Whether the C-STORE's own priority counts (PS3.7 9.1.1.1). Many senders say LOW to all.
    c_store_priority: Literal["ignore", "high", "all"] = "ignore"
    longest_wait_s: Seconds = 120.0  #: what has waited longer takes turns with the most urgent

    @field_validator("low_callers", "low_attributes")
    @classmethod
    def _are_not_both(cls, low: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        other = str(info.field_name).replace("low", "stat")
        stat = {one.strip() for one in info.data.get(other, ())}
        if both := [one for one in low if one.strip() in stat]:
            raise refused(*(f"{one!r} is in {other} as well" for one in both))
        return low


class RetentionSection(Section):
    """`[retention]`: what is removed, and when; None: never."""

    delivered_days: Days | None = None  #: since the last destination had, and verified, its results
    skipped_days: Days | None = None  #: since it was found that there is nothing to analyse
    held_days: Days | None = None  #: since it was built for a destination that was silent
    min_free_mb: Annotated[int, Field(ge=0)] = 500  #: with less nothing is received

    @property
    def min_free_bytes(self) -> int:
        return self.min_free_mb * 1_000_000


class EquipmentSection(Section):
    """`[equipment]`: what results say of who made them; None: as built in."""

    manufacturer: str | None = None
    model_name: str | None = None
    device_serial_number: str | None = None
    device_uid: str | None = None

    @field_validator("*")
    @classmethod
    def _fits_results(cls, value: str, info: ValidationInfo) -> str:
        """The rules are those of who writes it."""
        key = str(info.field_name)
        try:
            Equipment(**{key: value})
        except ValueError as exc:
            raise refused(str(exc).removeprefix(f"{key} ")) from exc
        return value


class Caller(Section):
    """`[[caller]]`: an Application Entity that may send to the node."""

    aet: AeTitle
    host: IpAddress | None = None  #: None: any address


class Config(Section):
    """The whole file. Paths are absolute. Only who puts a process together should ask for it."""

    node: NodeSection
    tls: TlsSection = TlsSection()
    ledger: LedgerSection = LedgerSection()
    broker: BrokerSection = BrokerSection()
    spool: SpoolSection = SpoolSection()
    models: ModelsSection = ModelsSection()
    shadow: ShadowSection = ShadowSection()
    worker: WorkerSection = WorkerSection()
    reports: Reports = Reports()
    priors: PriorsSection = PriorsSection()
    corrections: CorrectionsSection = CorrectionsSection()
    priority: PrioritySection = PrioritySection()
    retention: RetentionSection = RetentionSection()
    equipment: EquipmentSection = EquipmentSection()
    audit: AuditSection = Field(default=AuditSection(), validate_default=True)
    monitor: MonitorSection = MonitorSection()
    alerts: AlertsSection = AlertsSection()
    notify: NotifySection = NotifySection()
    #: Who may log in to the page.
    users: ListOf[User] = Field(default=(), alias="user", validate_default=True)
    #: Empty: anyone, and then only on the loopback address.
    callers: ListOf[Caller] = Field(default=(), alias="caller", validate_default=True)
    destinations: ListOf[AnyDestination] = Field(default=(), alias="destination")

    @property
    def ledger_url(self) -> str:
        """With its password."""
        if self.ledger.url is None:
            return f"sqlite:///{self.node.state / 'ledger.sqlite'}"
        return self.ledger.url.get_secret_value()

    @property
    def spool_folder(self) -> Path:
        return self.spool.folder or self.node.state / "spool"

    @property
    def leading(self) -> ModelsSection:
        """The pipeline whose results are sent."""
        return self.shadow.beside(self.models) if self.shadow.leads else self.models

    @property
    def shadowing(self) -> ModelsSection | None:
        """The one that is tried beside it; None: there is none."""
        if not self.shadow.differs:
            return None
        return self.models if self.shadow.leads else self.shadow.beside(self.models)

    @property
    def destination_names(self) -> tuple[str, ...]:
        return tuple(destination.name for destination in self.destinations)

    @field_validator("shadow")
    @classmethod
    def _reads_networks_one_way(cls, shadow: ShadowSection, info: ValidationInfo) -> ShadowSection:
        models = info.data.get("models") or ModelsSection()
        negative, positive = shadow.point(models)
        if positive < negative:
            raise refused(
                f"[shadow] with the rest of [models] is positive_above {positive:g}, less than"
                f" negative_below, {negative:g}"
            )
        return shadow

    @field_validator("audit")
    @classmethod
    def _is_told_safely(cls, audit: AuditSection, info: ValidationInfo) -> AuditSection:
        secured = audit.secured_by(info.data.get("tls") or TlsSection())
        if secured.lacks_trust:
            raise refused("[audit] syslog needs trusted, there or in [tls]: whom to believe")
        return secured

    @field_validator("callers")
    @classmethod
    def _strangers_stay_out(
        cls, callers: tuple[Caller, ...], info: ValidationInfo
    ) -> tuple[Caller, ...]:
        node = info.data.get("node")
        if node and not callers and not is_loopback(node.host):
            raise refused(
                f"[node] host {node.host} needs a configuration with an allow-list ([[caller]]);"
                f" without one the node listens on {LOOPBACK} only"
            )
        return callers

    @field_validator("users")
    @classmethod
    def _nobody_reads_of_patients_unknown(
        cls, users: tuple[User, ...], info: ValidationInfo
    ) -> tuple[User, ...]:
        names = [user.name for user in users]
        faults = [f"[[user]] {name!r} is named twice" for name in dict.fromkeys(names)
                  if names.count(name) > 1]  # fmt: skip
        monitor, tls = info.data.get("monitor"), info.data.get("tls")
        if monitor and monitor.listen and monitor.pages:
            is_open = not users and monitor.proxy is None
            if is_open and not monitor.is_for_this_host:
                faults.append(
                    f"[monitor] listen {monitor.listen} shows images of patients to whoever calls:"
                    " name who may log in ([[user]]; cxr-node page password makes the hash), or a"
                    f" proxy that knows them, or set pages = false, or listen on {LOOPBACK}"
                )
        if monitor and monitor.tls and tls and tls.certificate is None:
            faults.append("[monitor] tls needs [tls] certificate")
        if faults:
            raise refused(*faults)
        return users

    @field_validator("destinations")
    @classmethod
    def _do_not_contradict(
        cls, destinations: tuple[AnyDestination, ...], info: ValidationInfo
    ) -> tuple[AnyDestination, ...]:
        names = [destination.name for destination in destinations]
        faults = [f"[[destination]] {name!r} is named twice" for name in dict.fromkeys(names)
                  if names.count(name) > 1]  # fmt: skip
        node = info.data.get("node")
        if destinations and node and node.no_destination:
            faults.append(
                "[node] no_destination and a [[destination]] contradict each other: drop one"
            )
        tls = info.data.get("tls") or TlsSection()
        secured = tuple(destination.secured_by(tls) for destination in destinations)
        if node and node.silent:
            secured = tuple(one.model_copy(update={"silent": True}) for one in secured)
        faults += [
            f"[[destination]] {one.name!r} tls needs trusted, there or in [tls]: whom to believe"
            for one in secured
            if one.lacks_trust
        ]
        port = node.port if node else 0
        priors = info.data.get("priors") or PriorsSection()
        faults += _faults_of_asking(priors, destinations, port)
        if faults:
            raise refused(*faults)
        return secured


def _faults_of_asking(
    priors: PriorsSection, destinations: Sequence[AnyDestination], port: int
) -> Iterator[str]:
    known = {destination.name: destination for destination in destinations}
    asked = [known[name] for name in priors.ask if name in known]
    if priors.move_port == port and any(one.retrieves_by_move for one in asked):
        yield f"[priors] move_port is [node] port, {port}: what is moved needs one of its own"
    for name in priors.ask:
        if name not in known:
            yield f"[priors] ask names {name!r}, which is no [[destination]]"
        elif not known[name].may_have_priors:
            kind = known[name].kind
            yield f"[priors] ask names {name!r}: a destination of the kind {kind!r} has no images"
