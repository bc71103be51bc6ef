"""`[monitor]` and `[[user]]`: where the page and the health checks answer, and who may do what."""

import re
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Secret, field_validator

from dicom_node.config.values import (
    Host,
    IpAddress,
    ListOf,
    Section,
    Text,
    is_loopback,
    port_fault,
    refused,
)

#: RFC 9110 5.6.2: what the name of a header is made of.
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
#: As `cxr-node page password` writes it; see `page/access/passwords.py`.
_HASH = re.compile(r"scrypt\$\d{1,8}\$\d{1,3}\$\d{1,3}\$[A-Za-z0-9+/=]{16,}\$[A-Za-z0-9+/=]{40,}")
_LONGEST_NAME = 64


class Role(IntEnum):
    """What somebody may do on the page; each may what those before it may."""

    #: Nobody has said who it is: how the node stands, and nothing that leads to a patient.
    GLANCE = 0
    #: Jobs, reports and pictures.
    VIEW = 1
    #: Pause, resume, try a destination; have something analysed or sent again.
    OPERATE = 2
    #: Withdraw results; read who did what.
    ADMINISTER = 3


RoleName = Literal["view", "operate", "administer"]


def role_of(name: RoleName) -> Role:
    return Role[name.upper()]


class PasswordHash(Secret[str]):
    """Not shown: who has it can try passwords at home."""

    def _display(self) -> str:
        return "***"


def _as_hash(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _HASH.fullmatch(value):
        raise refused("is no hash of a password: cxr-node page password makes one")
    return PasswordHash(value)


class User(Section):
    """`[[user]]`: somebody who may log in to the page."""

    name: Text
    role: RoleName
    password: Annotated[PasswordHash, BeforeValidator(_as_hash)]  #: its hash, by scrypt

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not name.strip() or name != name.strip():
            raise refused("is empty, or begins or ends with a space")
        if len(name) > _LONGEST_NAME:
            raise refused(f"is longer than {_LONGEST_NAME} characters")
        return name


class MonitorSection(Section):
    """`[monitor]`: the page, and what a monitor asks."""

    #: HOST:PORT; "": nothing answers.
    listen: Text = "127.0.0.1:9112"
    pages: bool = True  #: False: health and metrics alone, which hold nothing of a patient
    names: ListOf[Host] = ()  #: by which browsers may call it, besides the host in `listen`
    tls: bool = False  #: HTTPS, with the certificate and key of `[tls]`
    proxy: IpAddress | None = None  #: address of one whose word is taken for who somebody is
    proxy_header: Text = "X-Remote-User"  #: in which it says so
    proxy_role: RoleName = "view"  #: of whom it names and no `[[user]]` does

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, listen: str) -> str:
        if not listen:
            return listen
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal():
            raise refused(f'{listen!r} is not HOST:PORT; "" where nothing is to answer')
        if fault := port_fault(int(port[:6])):
            raise refused(fault)
        return listen

    @field_validator("proxy_header")
    @classmethod
    def _is_a_header(cls, header: str) -> str:
        if not _HEADER.fullmatch(header):
            raise refused(f"{header!r} is no name of a header")
        return header

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def is_for_this_host(self) -> bool:
        """Nobody else can reach it, but by a proxy of this host."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"
