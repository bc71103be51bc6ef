"""`[ledger]`, `[broker]`, `[spool]`: the three places where state is."""

from typing import Self

from pydantic import model_validator

from dicom_node.config.urls import EMBEDDED_BROKER, BrokerUrl, LedgerUrl, ServiceUrl
from dicom_node.config.values import FilePath, FolderPath, Section, Text, refused


def _refuse_two(section: "LedgerSection | BrokerSection", where: str) -> None:
    if {"url", "url_file"} <= section.model_fields_set:
        raise refused(f"{where} url and url_file contradict each other: drop one")


class LedgerSection(Section):
    """`[ledger]`: where the truth is."""

    url: LedgerUrl | None = None  #: SQLAlchemy's; None: SQLite in the state folder
    url_file: FilePath | None = None  #: that holds it, since it holds a password

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        _refuse_two(self, "[ledger]")
        return self


class BrokerSection(Section):
    """`[broker]`: what carries the ids."""

    url: BrokerUrl = ServiceUrl(EMBEDDED_BROKER)
    url_file: FilePath | None = None  #: that holds it, since it holds a password
    queue_prefix: Text = "cxr"  #: names the queues, so that two nodes can share one RabbitMQ

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        _refuse_two(self, "[broker]")
        return self


class SpoolSection(Section):
    """`[spool]`: where DICOM files are."""

    #: None: in the state folder; on several hosts a shared mount.
    folder: FolderPath | None = None
