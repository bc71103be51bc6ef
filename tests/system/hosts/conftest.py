"""A room with PostgreSQL and RabbitMQ, once; a node of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hosts.node import Node
from tests.system.hosts.site import Services, Site


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    with Services.started() as services:
        yield services


@pytest.fixture
def site(services: Services, tmp_path: Path) -> Iterator[Site]:
    with Site.built(services, tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def node(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node.started(services, tmp_path_factory.mktemp("node")) as node:
        yield node
