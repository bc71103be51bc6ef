"""A listener, two workers and two senders, each on a host of its own; and all that was sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.errors import SUCCESS
from tests.system.faults.stream import Stream, assert_each_once, new_radiograph
from tests.system.hosts.room import Host, Part
from tests.system.hosts.site import PORT, Services, Site


@dataclass(frozen=True, slots=True)
class Node:
    site: Site
    listener: Part
    workers: tuple[Part, Part]
    senders: tuple[Part, Part]
    _sent: list[Dataset] = field(default_factory=list)
    _streams: list[Stream] = field(default_factory=list)

    @classmethod
    @contextmanager
    def started(cls, services: Services, folder: Path) -> Iterator[Self]:
        with Site.built(services, folder) as site:
            room = services.room
            listener = site.start("listen", room.host("listener"))
            workers = tuple(site.start("work", room.host(f"worker{n}")) for n in (1, 2))
            senders = tuple(site.start("send", room.host(f"sender{n}")) for n in (1, 2))
            for part in site.parts:
                part.ready()
            yield cls(site, listener, workers, senders)  # type: ignore[arg-type]  # two each

    @property
    def accepted(self) -> list[Dataset]:
        return [*self._sent, *(one for stream in self._streams for one in stream.accepted)]

    def send(self) -> Dataset:
        """A new radiograph, which it has accepted."""
        radiograph = new_radiograph()
        (answer,) = send([radiograph], self.listener.host.address, PORT)
        assert answer.status == SUCCESS
        self._sent.append(radiograph)
        return radiograph

    def stream(self, host: Host | str) -> Stream:
        self._streams.append(self.site.stream(host))
        return self._streams[-1]

    def assert_each_once(self) -> None:
        """Of all that was ever accepted."""
        given_up = [one for stream in self._streams for one in stream.given_up]
        assert_each_once(self.accepted, self.site.pacs, others=given_up)
