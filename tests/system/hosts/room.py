"""A room of hosts: network namespaces on one bridge, each with an address and a name of its own.

Whoever made the room is on the bridge too. The file system is everybody's: the shared mount.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dicom_node.demo.node import START_WITHIN_S
from tests.conftest import missing
from tests.system.faults.servers import entering
from tests.system.waiting import wait_until

_PREFIX = "cxr"
_BROADCAST = b"\xff" * 6
_ARP = 0x0806


class Host:
    """A namespace; a part started in it believes to be on a computer of that name."""

    def __init__(self, room: "Room", name: str, number: int) -> None:
        self.name = name
        self.address = f"{room.subnet}.{number}"
        self.namespace = f"{room.name}-{name}"
        #: The end of its cable that is plugged into the bridge.
        self._plug = f"{room.name}p{number}"
        self._bridge = room.name

    def plug_in(self) -> None:
        """Make it; raises CalledProcessError."""
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._plug, "type", "veth", "peer", "eth0", "netns", self.namespace)
        _ip("link", "set", self._plug, "master", self._bridge, "up")
        self.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self.ip("link", "set", device, "up")

    def ip(self, *arguments: str) -> None:
        _ip("-netns", self.namespace, *arguments)

    def command(self, *command: str) -> list[str]:
        """That runs there; its process is the one that is started."""
        named = f'hostname {self.name} && exec "$@"'
        return [*entering(self.namespace), "unshare", "--uts", "sh", "-c", named, "sh", *command]

    def set(self, key: str, value: int) -> None:
        """A `sysctl` of the namespace."""
        write = f"echo {value} > /proc/sys/{key.replace('.', '/')}"
        subprocess.run([*entering(self.namespace), "sh", "-c", write], check=True, timeout=60)

    def cut_off(self) -> None:
        """Its cable is pulled: nothing tells either end."""
        _ip("link", "set", self._plug, "down")

    def connect(self) -> None:
        _ip("link", "set", self._plug, "up")

    @contextmanager
    def deaf_to(self, other: "Host") -> Iterator[None]:
        """What it asks of `other` is heard there, and never answered."""
        other.ip("route", "add", "blackhole", f"{self.address}/32")
        try:
            yield
        finally:
            other.ip("route", "del", "blackhole", f"{self.address}/32")

    def take_address(self, address: str) -> None:
        """A further one, and tell all (gratuitous ARP, RFC 5227 3), as keepalived does."""
        self.ip("address", "add", f"{address}/24", "dev", "eth0")
        tell = [sys.executable, "-m", "tests.system.hosts.room", address]
        subprocess.run([*entering(self.namespace), *tell], check=True, timeout=60)

    def give_up_address(self, address: str) -> None:
        self.ip("address", "del", f"{address}/24", "dev", "eth0")


class Room:
    """The bridge, a context manager: nothing of it is left at the end.

    Skips where namespaces are not to be had, and fails there in CI.
    """

    def __init__(self) -> None:
        #: 15 characters are the most that a device's name may have.
        self.name = f"{_PREFIX}{os.getpid():x}"
        self.subnet = f"10.213.{random.randrange(256)}"
        self.address = f"{self.subnet}.1"  #: of who made it
        self.hosts: list[Host] = []

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
            missing("network namespaces need root, iproute2 and util-linux")
        _remove_what_was_left()
        try:
            _ip("link", "add", self.name, "type", "bridge")
            _ip("address", "add", f"{self.address}/24", "dev", self.name)
            _ip("link", "set", self.name, "up")
            self.host("trial")
        except subprocess.CalledProcessError as exc:
            self.__exit__(None, None, None)
            missing(f"no network namespaces here: {exc.stderr.strip()}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _remove(self.name)

    def host(self, name: str) -> Host:
        """A further one."""
        self.hosts.append(Host(self, name, 10 + len(self.hosts)))
        self.hosts[-1].plug_in()
        return self.hosts[-1]


class Part:
    """`cxr-node listen`, `work` or `send` on a host."""

    def __init__(self, host: Host, part: str, config: Path, log: Path, cores: str = "") -> None:
        """`cores`: those that it may use, as `taskset` takes them; "": all."""
        self.host = host
        self.part = part
        self.log = log
        pinned = ["taskset", "--cpu-list", cores] if cores else []
        node = [sys.executable, "-m", "dicom_node", part, "--config", str(config)]
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                host.command(*pinned, *node, "--log-format", "json"),
                stdin=subprocess.DEVNULL, stderr=file,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ready(self) -> Self:
        wait_until(lambda: self.says(f"ready: {self.part}"), START_WITHIN_S, f"{self.log} ready")
        return self

    def says(self, event: str) -> bool:
        """Whether it has, by now."""
        assert not self.has_ended or self._process.returncode in (0, -signal.SIGKILL), self.lines()
        return any(line["event"] == event for line in self.lines())

    def lines(self) -> list[dict[str, Any]]:
        """Those of its log that are whole."""
        whole, _, _ = self.log.read_text("utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def terminate(self) -> None:
        """SIGTERM: it is to finish what it has and to end."""
        self._process.terminate()

    def join(self, within_s: float = 120.0) -> int:
        return self._process.wait(within_s)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=60)


def _namespaces() -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines()]


def _remove(room: str) -> None:
    """Its hosts with all that is alive there (RabbitMQ for one leaves a daemon), and its bridge."""
    for namespace in _namespaces():
        if namespace.startswith(f"{room}-"):
            listed = subprocess.run(
                ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True
            )
            for pid in listed.stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            # The cable goes with it.
            _ip("netns", "del", namespace)
    # There may be none, where it could not be made.
    subprocess.run(["ip", "link", "del", room], capture_output=True)


def _remove_what_was_left() -> None:
    """Rooms whose maker was killed: a process's number is in the name."""
    for room in {namespace.partition("-")[0] for namespace in _namespaces()}:
        number = room.removeprefix(_PREFIX)
        if (
            re.fullmatch(f"{_PREFIX}[0-9a-f]+", room)
            and not Path(f"/proc/{int(number, 16)}").exists()
        ):
            _remove(room)


def announce(address: str) -> None:
    """To all on this namespace's network: it has `address` now."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as wire:
        wire.bind(("eth0", _ARP))
        hardware: bytes = wire.getsockname()[4]
        ip = socket.inet_aton(address)
        # RFC 826: Ethernet, IPv4, request; sender and target are the same address.
        packet = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + hardware + ip + _BROADCAST + ip
        for _ in range(3):
            wire.send(_BROADCAST + hardware + struct.pack(">H", _ARP) + packet)


def main(arguments: Sequence[str]) -> None:
    announce(*arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
