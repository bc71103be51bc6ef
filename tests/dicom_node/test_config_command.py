"""`cxr-node config`: all faults at once, what a good file means, and every key in effect."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dicom_node.config import load, parse
from dicom_node.page.access.passwords import hash_of

pytestmark = pytest.mark.slow

GOOD = """
[node]
state = "state"
host = "10.1.2.3"
[ledger]
url = "postgresql+psycopg://cxr:SECRET@db/cxr"
[spool]
folder = "/mnt/sp\u00fcl \\"1\\""
[worker]
lease_s = 60
[equipment]
device_serial_number = "7"
[[caller]]
aet = "PACS"
host = "10.1.2.4"
[[caller]]
aet = "RIS"
[[destination]]
aet = "PACS"
host = "pacs.example"
port = 104
preset = "slicer"
[[destination]]
name = "archive"
aet = "ARCHIVE"
host = "10.1.2.5"
port = 105
sr = "comprehensive"
next_best = false
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(GOOD, "utf-8")
    return path


def config(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dicom_node", "config", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environ)


def test_a_good_file_is_said_to_be_and_what_it_means(good: Path) -> None:
    run = config("check", "--config", str(good), CXR_BROKER_URL="amqp://cxr:SECRET@rabbit//")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        f"{good}: good",
        "listens as CXRNODE on 10.1.2.3:11112, without TLS",
        "takes instances from PACS at 10.1.2.4, RIS at any address",
        "PACS@pacs.example:104 gets SEG, SR; where that is not accepted,"
        " PR for SEG, SC for PR, SR2D for SR, DOC for SR2D; not verified",
        "archive (ARCHIVE@10.1.2.5:105) gets SEG, SR2D, SC; not verified",
        "ledger: postgresql+psycopg://cxr:***@db/cxr",
        "broker: amqp://cxr:***@rabbit// (from CXR_BROKER_URL)",
        'spool: /mnt/sp\u00fcl "1"',
        "page at http://127.0.0.1:9112, for this host: cxr-node page link lets you in",
    ]


NODE_TOML = Path(__file__).parents[2] / "deploy" / "node.toml"


def test_callers_that_can_never_connect_are_a_warning() -> None:
    """As it is shipped: a caller elsewhere, and the node on the loopback address."""
    run = config("check", "--config", str(NODE_TOML))
    (said,) = (line for line in run.stdout.splitlines() if "warning" in line)
    assert said.startswith("warning: PACS at 10.0.0.5 cannot reach 127.0.0.1: set [node] host")
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("host", "caller"), [("0.0.0.0", "10.0.0.5"), ("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "")]
)
def test_callers_that_may_connect_are_not(host: str, caller: str, tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    where = f'host = "{caller}"' if caller else ""
    path.write_text(f'[node]\nstate = "s"\nhost = "{host}"\n[[caller]]\naet = "PACS"\n{where}\n')
    run = config("check", "--config", str(path))
    assert (run.returncode, run.stderr, "warning" in run.stdout) == (0, "", False)


@pytest.mark.parametrize(("listen", "warns"), [("10.1.2.3:9112", True), ("127.0.0.1:9112", False)])
def test_passwords_in_clear_off_this_host_are_a_warning(
    listen: str, warns: bool, tmp_path: Path
) -> None:
    path = tmp_path / "node.toml"
    user = f'[[user]]\nname = "anna"\nrole = "view"\npassword = "{hash_of("correct horse")}"\n'
    path.write_text(f'[node]\nstate = "s"\n[monitor]\nlisten = "{listen}"\n{user}')
    run = config("check", "--config", str(path))
    assert run.returncode == 0, run.stderr
    assert ("warning: passwords and pictures cross the network in clear" in run.stdout) is warns


def test_every_fault_is_a_line_and_the_exit_code_is_2(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('[node]\nprot = 5\n[broker]\nurl = 5\n[nods]\nurl = "amqp://u:SECRET@h"\n')
    run = config("check", "--config", str(path))
    assert run.returncode == 2
    assert run.stdout == ""
    said = [line.split("node.toml: ")[1] for line in run.stderr.splitlines()]
    assert said == [
        "[node] state is missing",
        "[node] prot is not a known key: did you mean port?",
        "[broker] url must be text in quotes",
        "[nods] is not a known section: did you mean node?",
    ]


def test_what_is_shown_is_the_same_configuration_with_its_origins(good: Path) -> None:
    broker = "amqp://cxr:SECRET@rabbit//"
    run = config("show", "--config", str(good), CXR_BROKER_URL=broker)
    assert (run.returncode, run.stderr) == (0, "")
    assert "SECRET" not in run.stdout
    lines = run.stdout.splitlines()
    for line in (
        'host = "10.1.2.3"',
        "port = 11112  # default",
        'url = "amqp://cxr:***@rabbit//"  # from CXR_BROKER_URL',
        'device_serial_number = "7"',
        'manufacturer = "CXR node project"  # default',
        'lung = "unet-resnet18"  # default',
        'infection = "fpn-efficientnetlite2"  # default',
        'name = "PACS@pacs.example:104"  # default',
        'outputs = ["SEG", "SR"]  # as the preset says',
        'outputs = ["SEG", "SR2D", "SC"]  # as the preset says',
        "next_best = false",
    ):
        assert line in lines
    shown, meant = parse(tomllib.loads(run.stdout)), load(good, {"CXR_BROKER_URL": broker})
    assert (shown.node, shown.callers) == (meant.node, meant.callers)
    assert (shown.models.device, shown.worker) == (meant.models.device, meant.worker)
    assert shown.spool_folder == meant.spool_folder
    for one, other in zip(shown.destinations, meant.destinations, strict=True):
        assert (one.name, one.address, one.profile) == (other.name, other.address, other.profile)


def test_every_key_is_shown(good: Path) -> None:
    shown = tomllib.loads(config("show", "--config", str(good)).stdout)
    meant = load(good, {})
    for name in set(type(meant).model_fields) - {"callers", "destinations", "users"}:
        keys = type(getattr(meant, name)).model_fields.keys()
        # What is left out of these has no value to show.
        section = getattr(meant, name)
        optional = (
            keys
            if name in ("audit", "monitor", "notify", "retention", "shadow", "tls")
            else {"url_file"} & keys
        )
        unset = {key for key in optional if getattr(section, key) is None}
        assert shown[name].keys() == keys - unset


def test_without_a_file_the_built_in_is_looked_at(tmp_path: Path) -> None:
    run = config("show", "--state", str(tmp_path))
    assert f'state = "{tmp_path}"  # from --state' in run.stdout.splitlines()
    assert "only `listen` starts" in config("check", "--state", str(tmp_path)).stdout
    assert list(tmp_path.iterdir()) == []


def test_more_workers_than_there_is_memory_for_are_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    said = {}
    for asked in ("1", "64", '"auto"'):
        path.write_text(f'[node]\nstate = "s"\n[worker]\nprocesses = {asked}\n')
        run = config("check", "--config", str(path))
        assert (run.returncode, run.stderr) == (0, "")
        said[asked] = [
            line for line in run.stdout.splitlines() if line.startswith(("workers: ", "warning: "))
        ]
    assert said["1"] == []
    assert said["64"][0] == "workers: 64"
    assert said["64"][1].startswith("warning: 64 workers may take 64.0 GiB, and ")
    assert said['"auto"'][0].endswith(", by the cores and memory of this host now")
