"""A node with everything it stands on, once for all tests on the same ground."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dicom_node.config import load
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from tests.system.faults.servers import Postgres, RabbitMQ
from tests.system.faults.setting import Ground, configuration


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    with RabbitMQ() as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", "services"])
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """On the embedded default, then on PostgreSQL and RabbitMQ."""
    folder = tmp_path_factory.mktemp("ground")
    services = request.param == "services"
    postgres = request.getfixturevalue("postgres") if services else None
    rabbitmq = request.getfixturevalue("rabbitmq") if services else None
    with ExitStack() as stack:
        pacs = stack.enter_context(Pacs(folder / "pacs"))
        if postgres is not None:
            postgres.empty()
        file = folder / "node.toml"
        file.write_text(
            configuration(folder / "state", folder.name, pacs, postgres, rabbitmq), "utf-8"
        )
        config = load(file)
        node = stack.enter_context(
            RunningNode(config.node.state, port=config.node.port, config_file=file)
        )
        yield Ground(node, pacs, config, postgres, rabbitmq)
