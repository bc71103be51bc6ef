"""What the parts of one node share on their hosts: ledger, broker, spool, archive."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydicom import Dataset

from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Job, Ledger, WorkerRecord
from tests.system.faults.servers import Postgres, RabbitMQ
from tests.system.faults.stream import Stream
from tests.system.hosts.room import Host, Part, Room
from tests.system.waiting import run_cli

#: Of a namespace of its own: nobody else has it.
PORT = 11112


@dataclass(frozen=True, slots=True)
class Services:
    """A room, and a host in it with a PostgreSQL and a RabbitMQ."""

    room: Room
    host: Host
    postgres: Postgres
    rabbitmq: RabbitMQ

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        with Room() as room:
            host = room.host("services")
            with (
                Postgres(host.address, host.namespace) as postgres,
                RabbitMQ(host.address, host.namespace) as rabbitmq,
            ):
                yield cls(room, host, postgres, rabbitmq)


@dataclass(slots=True)
class Site:
    """A node whose parts run on hosts of the room; ledger, spool and queues are new."""

    services: Services
    folder: Path
    pacs: Pacs
    #: Lines of [models] by which an image is analysed; another operating point is another pipeline.
    models: str = ""
    parts: list[Part] = field(default_factory=list)
    _prefix: str = field(default_factory=lambda: f"cxr-{secrets.token_hex(4)}")

    @classmethod
    @contextmanager
    def built(cls, services: Services, folder: Path) -> Iterator[Self]:
        """All its parts have ended when the block has."""
        services.postgres.empty()
        with Pacs(folder / "pacs", host=services.room.address) as pacs:
            site = cls(services, folder, pacs)
            try:
                yield site
                for part in site.living:
                    part.terminate()
                assert {part.join() for part in site.living} <= {0}
            finally:
                for part in site.living:
                    part.kill()

    @property
    def living(self) -> list[Part]:
        return [part for part in self.parts if not part.has_ended]

    def start(self, part: str, host: Host, *, address: str = "", cores: str = "") -> Part:
        """`address`: where it listens; "": that of its host."""
        name = f"{host.name}-{part}-{len(self.parts)}"
        config = self.folder / f"{name}.toml"
        config.write_text(self._configuration(host, address or host.address), "utf-8")
        self.parts.append(Part(host, part, config, self.folder / f"{name}.log", cores))
        return self.parts[-1]

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with closing(Ledger.open(self.services.postgres.url)) as ledger:
            yield ledger

    def stream(self, host: Host | str, every_s: float = 1.0) -> Stream:
        address = host if isinstance(host, str) else host.address
        return Stream(PORT, every_s, host=address)

    def status(self) -> str:
        """`cxr-node status`, as a person reads it on any host."""
        config = self.folder / "status.toml"
        here = self.services.room.address
        text = self._configuration(self.services.host, here)
        config.write_text(text, "utf-8")
        shown = run_cli("status", "--config", str(config))
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    def _configuration(self, host: Host, address: str) -> str:
        return f"""
            [node]
            state = "state-{host.name}"
            host = "{address}"
            port = {PORT}
            share_port = true
            drain_s = 300
            [[caller]]
            aet = "MODALITY"
            [ledger]
            url = "{self.services.postgres.url}"
            [broker]
            url = "{self.services.rabbitmq.url}"
            queue_prefix = "{self._prefix}"
            [spool]
            folder = "spool"
            [models]
            {self.models}
            [[destination]]
            name = "pacs"
            aet = "{self.pacs.aet}"
            host = "{self.pacs.host}"
            port = {self.pacs.port}
            """


def job_of(ledger: Ledger, radiograph: Dataset) -> Job:
    """The only one it has."""
    (job,) = ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    return job


def record_of(ledger: Ledger, part: Part) -> WorkerRecord | None:
    """What the ledger says of a part."""
    known = [one for one in ledger.workers.all() if one.process.pid == part.pid]
    return known[0] if known else None
