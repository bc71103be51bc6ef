"""What installs and runs a node, read by who will read it: systemd, Compose, kustomize, the node.

That it works is tried elsewhere: `make container` does the image's steps, and INSTALL.md says what
was done in a clean root. Here is what goes wrong by a change of names.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dicom_node.__main__ import COMMANDS
from dicom_node.config import load
from tests.conftest import missing
from tests.container import DOCKERFILE, Step, steps

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CONTAINER = DEPLOY / "container"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
#: Of `systemd-analyze security`: 0 may nothing, 10 may all.
MOST_EXPOSED = 2.5
KUSTOMIZED = ("base", "gpu", "autoscaling")
NAMES = {command.__name__.rpartition(".")[2] for command in COMMANDS}


def program(name: str) -> str:
    return shutil.which(name) or missing(f"{name} is not installed")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_little_to_its_host(unit: Path) -> None:
    analyze = program("systemd-analyze")
    said = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= MOST_EXPOSED


def test_every_unit_is_hardened_alike() -> None:
    """But for a worker, whose networks make code while they run."""
    blocks = set()
    for unit in UNITS:
        block = unit.read_text("utf-8").split("# What it may do to this host")[1]
        assert "MemoryDenyWriteExecute" not in block
        blocks.add(block.split("[Install]")[0])
    assert len(blocks) == 1


def test_a_unit_waits_longer_than_the_node_takes_to_stop() -> None:
    for unit in UNITS:
        assert "TimeoutStopSec=40" in unit.read_text("utf-8")


def test_the_script_that_installs_names_the_units_there_are() -> None:
    text = (DEPLOY / "install.sh").read_text("utf-8")
    subprocess.run(["bash", "-n", str(DEPLOY / "install.sh")], check=True)
    parts = {unit.name.removeprefix("cxr-node-").split("@")[0].split(".")[0] for unit in UNITS}
    assert parts == {"cxr-node", "listen", "work", "send", "page", "shadow"}
    assert (
        "cxr-node.service cxr-node-{listen,work,send}@.service cxr-node-{page,shadow}.service"
        in text
    )


def instructions(word: str) -> Iterator[str]:
    for step in steps(DOCKERFILE.read_text("utf-8")):
        if step.word == word:
            yield step.said


def test_what_lies_elsewhere_may_be_written_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ledger-url").write_text("x")
    spool, log = tmp_path / "a spool, 100%", tmp_path / "log"
    (tmp_path / "node.toml").write_text(
        f'[spool]\nfolder = "{spool}"\n[audit]\nfile = "{log}/audit.xml"\n'
    )
    script = (DEPLOY / "install.sh").read_text("utf-8").removesuffix('main "$@"\n')
    script += f'etc="{tmp_path}"\nsite_settings "$1"\n'
    words = ["bash", "-c", script, str(DEPLOY / "install.sh"), sys.executable]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [
        f"LoadCredential=ledger-url:{tmp_path}/secrets/ledger-url",
        f'ReadWritePaths="{str(spool).replace("%", "%%")}"',
        f'ReadWritePaths="-{log}"',
    ]
    unit = tmp_path / "unit.service"
    unit.write_text(f"[Service]\nExecStart=/bin/true\n{said}")
    analyze = program("systemd-analyze")
    found = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_an_instruction_is_read_as_one_line_without_its_comments() -> None:
    assert steps("# no\nRUN a \\\n  # nor this\n  && b\n\nUSER 1") == [
        Step("RUN", "a    && b"),
        Step("USER", "1"),
    ]


def test_what_an_image_is_made_of_is_there_and_not_left_out_of_the_context() -> None:
    let_in = (CONTAINER / "Dockerfile.dockerignore").read_text("utf-8")
    for said in instructions("COPY"):
        if said.startswith("--from="):
            continue
        for name in said.split()[:-1]:
            assert (ROOT / name).exists(), name
            assert f"\n!{name}\n" in let_in, name


def test_an_image_runs_as_nobody_and_is_asked_whether_it_lives() -> None:
    assert list(instructions("USER")) == ["10001:10001"]
    assert len(list(instructions("HEALTHCHECK"))) == len(list(instructions("CMD"))) == 2


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of compose.yaml with its secrets drawn."""
    folder = tmp_path_factory.mktemp("compose")
    for name in ("secrets.sh", "node.toml"):
        shutil.copy2(CONTAINER / name, folder)
    for _ in range(2):
        subprocess.run([folder / "secrets.sh"], check=True, capture_output=True)
    return folder


def test_every_secret_is_a_file_that_is_drawn_once(compose: dict[str, Any], drawn: Path) -> None:
    for secret in compose["secrets"].values():
        assert (drawn / secret["file"]).is_file()
    password = (drawn / "secrets/postgres-password").read_text()
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    # A second run draws none anew.
    assert f"cxr:{password}@postgres/cxr" in (drawn / "secrets/ledger-url").read_text()


def test_the_nodes_own_services_are_locked_up_and_say_whether_they_live(
    compose: dict[str, Any],
) -> None:
    ours = {
        name: one
        for name, one in compose["services"].items()
        if one["image"].startswith("cxr-node") and name != "spool"
    }
    assert ours.keys() == {"listen", "work-cpu", "work-gpu", "send", "page"}
    for name, one in ours.items():
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["command"][0] in {*NAMES, "page"}, name
        assert one["healthcheck"]["test"], name
        assert one["depends_on"]["postgres"]["condition"] == "service_healthy", name
        assert set(one["profiles"]) <= {"cpu", "gpu"}, name


def test_what_compose_mounts_of_the_checkout_is_there(compose: dict[str, Any]) -> None:
    for name, one in compose["services"].items():
        for volume in one.get("volumes", ()):
            source = str(volume).split(":")[0]
            if source.startswith("."):
                assert (CONTAINER / source).exists(), f"{name} mounts {source}"
            else:
                assert source in compose["volumes"], f"{name} mounts {source}"


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and deployment of each of base's."""
    for path in sorted((DEPLOY / "kubernetes" / "base").glob("*.yaml")):
        for one in documents(path.read_text("utf-8")):
            if one.get("kind") == "Deployment":
                yield one["metadata"]["name"], one


def test_every_pod_is_restricted_and_selected_by_its_own_labels() -> None:
    """As the pod security standard "restricted" asks, which the namespace enforces."""
    found = dict(pods())
    assert found.keys() == {"listen", "work", "send", "page"}
    for name, deployment in found.items():
        template = deployment["spec"]["template"]
        pod, (container,) = template["spec"], template["spec"]["containers"]
        labels = template["metadata"]["labels"].items()
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["args"][0] in {*NAMES, "page"}
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("folder", KUSTOMIZED)
def test_kustomize_builds_it(folder: str) -> None:
    """Where there is kubectl: Debian's is older than what is used here, so CI may lack it."""
    kubectl = shutil.which("kubectl") or pytest.skip("kubectl is not installed")
    built = subprocess.run(
        [kubectl, "kustomize", str(DEPLOY / "kubernetes" / folder)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = {(one["kind"], one["metadata"]["name"]): one for one in documents(built)}
    (work,) = (one for (kind, name), one in found.items() if (kind, name) == ("Deployment", "work"))
    (container,) = work["spec"]["template"]["spec"]["containers"]
    assert ("replicas" in work["spec"]) == (folder != "autoscaling")
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (folder == "gpu")
    assert all(one["metadata"].get("namespace") == "cxr-node" for (kind, _), one in found.items()
               if kind != "Namespace")  # fmt: skip


@pytest.mark.parametrize("where", ["container", "kubernetes/base"])
def test_a_configuration_that_is_shipped_is_one(where: str, drawn: Path, tmp_path: Path) -> None:
    text = (DEPLOY / where / "node.toml").read_text("utf-8")
    path = tmp_path / "node.toml"
    path.write_text(re.sub(r"/run/secrets(/cxr-node)?", str(drawn / "secrets"), text))
    config = load(path, environ={})
    assert config.node.host == "0.0.0.0"
    assert config.callers
    assert config.destinations
    assert config.spool_folder != config.node.state / "spool"
