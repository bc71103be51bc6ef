"""A PostgreSQL and a RabbitMQ of the test's own, to be stopped, frozen and cut off at will."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from kombu.connection import Connection

from dicom_node.demo.node import free_port
from tests.conftest import missing
from tests.system.waiting import wait_until

#: An Erlang node on a busy machine with two cores.
START_WITHIN_S = 240.0
LOOPBACK = "127.0.0.1"
_RABBITMQ = Path("/usr/lib/rabbitmq/bin")


class Server:
    """A child process with a folder of its own; stopped and removed at the end."""

    def __init__(
        self, user: str | None = None, address: str = LOOPBACK, namespace: str | None = None
    ) -> None:
        """`user` runs it where the test is root's. Another address than the loopback's may be that
        of a network namespace.
        """
        self.port = free_port()
        self.address = address
        self._namespace = namespace
        self._user = user if os.geteuid() == 0 else None
        # Not pytest's: nobody but its owner gets in there.
        self.folder = Path(tempfile.mkdtemp(prefix="cxr-faults-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
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
        self.stop()
        shutil.rmtree(self.folder)

    def prepare(self) -> None:
        """What comes before the first start."""

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        command, user = self.command(), self._user
        if self._namespace is not None:
            # To enter it takes root, whoever runs there.
            command, user = [*entering(self._namespace, user), *command], None
        with self._log() as log:
            self._process = subprocess.Popen(
                command, env=self.environment(), user=user,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._is_up, START_WITHIN_S, f"{type(self).__name__} to answer")

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(with_signal)
            self._process.wait(START_WITHIN_S)
            self._process = None

    def signal_all(self, number: signal.Signals) -> None:
        """To the process and all it has started: SIGSTOP freezes a server, SIGCONT thaws it."""
        assert self._process is not None
        # Those of a server may have groups and sessions of their own.
        for pid in (self._process.pid, *_offspring(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def run(self, *command: str | Path) -> str:
        """A program that ends, as the server's user."""
        return subprocess.run(
            command, env=self.environment(), user=self._user, check=True, text=True,
            stdout=subprocess.PIPE, cwd=self.folder, timeout=START_WITHIN_S,
        ).stdout  # fmt: skip

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return self.answers()

    def _log(self) -> IO[bytes]:
        return (self.folder / "log").open("ab")


class Postgres(Server):
    """SIGINT ends it and every connection at once."""

    def __init__(self, address: str = LOOPBACK, namespace: str | None = None) -> None:
        super().__init__("postgres", address, namespace)

    @property
    def url(self) -> str:
        """Of the node, whose user is no superuser: limits concern it."""
        return f"postgresql://node@{self.address}:{self.port}/node"

    def empty(self) -> None:
        """A new database and user for a node."""
        self.execute(
            "DROP DATABASE IF EXISTS node WITH (FORCE)",
            "DROP ROLE IF EXISTS node",
            "CREATE ROLE node LOGIN",
            "CREATE DATABASE node OWNER node",
        )

    def prepare(self) -> None:
        self.run(_postgres("initdb"), "-D", self._data, "-U", "postgres", "-A", "trust", "-N")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet trust\n")

    def command(self) -> Sequence[str | Path]:
        return (_postgres("postgres"), "-D", self._data, "-p", str(self.port), "-h", self.address,
                "-k", self.folder)  # fmt: skip

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, *statements: str) -> None:
        url = f"postgresql://postgres@{self.address}:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
            for statement in statements:
                connection.execute(statement)

    def terminate_connections(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'node'"
        )

    @property
    def _data(self) -> Path:
        return self.folder / "data"


class RabbitMQ(Server):
    """A node of its own name, without plugins."""

    def __init__(self, address: str = LOOPBACK, namespace: str | None = None) -> None:
        super().__init__(None, address, namespace)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.address}:{self.port}//"

    def prepare(self) -> None:
        if not (_RABBITMQ / "rabbitmq-server").exists():
            missing(f"no RabbitMQ in {_RABBITMQ}")
        self._distribution_port = free_port()
        (self.folder / "node.conf").write_text(
            f"listeners.tcp.default = {self.address}:{self.port}\n"
            "loopback_users = none\n"
            # The machine's disk is not what is being tested.
            "disk_free_limit.absolute = 1MB\n",
            "utf-8",
        )

    def command(self) -> Sequence[str | Path]:
        return (_RABBITMQ / "rabbitmq-server",)

    def environment(self) -> Mapping[str, str]:
        own = {
            "HOME": self.folder,  # where the cookie is
            "RABBITMQ_NODENAME": f"cxr-faults-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": self.folder / "node.conf",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_DIST_PORT": self._distribution_port,
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder / "logs",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "plugins",
        }
        return os.environ | {name: str(value) for name, value in own.items()}

    def answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=3) as connection:
                connection.connect()
        except (OSError, *Connection(self.url).connection_errors):
            return False
        return True

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        super().stop(with_signal)

    def evaluate(self, erlang: str) -> str:
        return self.run(_RABBITMQ / "rabbitmqctl", "--quiet", "eval", erlang)

    def close_connections(self, times: int, every_ms: int) -> None:
        """As an operator does by `rabbitmqctl close_all_connections`, again and again."""
        close = 'rabbit_networking:close_connection(P, "a test")'
        close_all = f"[{close} || P <- rabbit_networking:connections()]"
        self.evaluate(
            f"[begin {close_all}, timer:sleep({every_ms}) end || _ <- lists:seq(1, {times})], ok."
        )

    def set_consumer_timeout(self, timeout_ms: int, looked_at_every_ms: int) -> None:
        """How long a consumer may keep a message; RabbitMQ's own are half an hour and a minute."""
        self.evaluate(
            f"application:set_env(rabbit, consumer_timeout, {timeout_ms}),"
            f" application:set_env(rabbit, channel_tick_interval, {looked_at_every_ms})."
        )
        # A channel asks once, when it is opened.
        self.close_connections(times=1, every_ms=0)

    @contextmanager
    def of_one_message_each(self) -> Iterator[None]:
        """Queues that are full, and refuse, with one message in them; gone afterwards."""
        policy = '{"max-length": 1, "overflow": "reject-publish"}'
        self.run(_RABBITMQ / "rabbitmqctl", "--quiet", "set_policy", "full", ".*", policy)
        try:
            yield
        finally:
            self.run(_RABBITMQ / "rabbitmqctl", "--quiet", "clear_policy", "full")
            self.on_queues('rabbit_amqqueue:delete(Q, false, false, <<"a test">>)')

    def on_queues(self, do: str) -> None:
        """`do` is Erlang about a queue `Q`."""
        self.evaluate(f"[{do} || Q <- rabbit_amqqueue:list()], ok.")


def _offspring(pid: int) -> list[int]:
    """What it has started, and what those have, by proc(5)."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold anything.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def entering(namespace: str, user: str | None = None) -> list[str]:
    """What a command begins with that is to run in a network namespace."""
    enter = ["nsenter", f"--net=/run/netns/{namespace}"]
    if user is not None:
        entry = pwd.getpwnam(user)
        enter += ["--setuid", str(entry.pw_uid), "--setgid", str(entry.pw_gid)]
    return [*enter, "--"]


def _postgres(program: str) -> Path:
    """Debian keeps them off the PATH, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = found[-1] if found else shutil.which(program)
    if path is None:
        missing(f"no {program} of PostgreSQL")
    return Path(path)
