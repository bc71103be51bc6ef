"""A host that only listens and sends is installed without what analysis and results need.

The modules of the extras are kept from being imported: what needs one fails as it would there.
"""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dicom_node.config import Destination, parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import DeliveryState, Ledger
from tests.dicom_node.delivery.bench import Bench
from tests.phantoms import draw

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
#: Modules of the extras `worker` and `postgres`, and of what comes with torch and the rest.
BLOCKED = (
    *("torch", "torchvision", "segmentation_models_pytorch", "timm", "huggingface_hub"),
    *("highdicom", "skimage", "scipy", "reportlab", "tqdm", "imageio", "tifffile", "networkx"),
    *("openvino", "matplotlib", "psycopg"),
)
RUN = f"""
import sys
sys.modules.update(dict.fromkeys({BLOCKED!r}))
from dicom_node.__main__ import main
sys.exit(main())
"""


def write(folder: Path, port: int, pacs_port: int) -> Path:
    path = folder / "node.toml"
    path.write_text(
        f'[node]\nstate = "state"\nport = {port}\n'
        f'[[destination]]\nname = "pacs"\naet = "PACS"\nhost = "127.0.0.1"\nport = {pacs_port}\n'
    )
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", RUN, *arguments]


@contextmanager
def running(part: str, config: Path) -> Iterator[None]:
    """`listen` or `send`, entered when it is ready; ended by SIGTERM, without a fault."""
    with subprocess.Popen(
        command(part, "--config", str(config), "--log-format", "json"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        log: list[str] = []
        try:
            for line in process.stderr:
                log.append(line)
                if json.loads(line)["event"] == f"ready: {part}":
                    break
            else:
                pytest.fail("".join(log))
            rest = threading.Thread(target=log.extend, args=(process.stderr,))
            rest.start()
            yield
        finally:
            process.terminate()
        rest.join()
    assert process.returncode == 0, "".join(log)


def test_an_image_is_taken_in(tmp_path: Path) -> None:
    path = write(tmp_path, port := free_port(), free_port())
    radiograph = as_dicom(draw(Kind.HEALTHY, rows=256, columns=208, seed=1))
    with running("listen", path):
        (sent,) = send([radiograph], "127.0.0.1", port)
    assert sent.status == SUCCESS
    config = parse(tomllib.loads(path.read_text()), tmp_path)
    with closing(Ledger.open(config.ledger_url)) as ledger:
        (job,) = ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    assert (config.spool_folder / job.path).is_file()


def test_results_are_delivered(tmp_path: Path) -> None:
    with Pacs(tmp_path / "pacs", aet="PACS") as pacs:
        path = write(tmp_path, free_port(), pacs.port)
        (tmp_path / "state").mkdir()
        bench = Bench(tmp_path / "state")
        (destination,) = parse(tomllib.loads(path.read_text()), tmp_path).destinations
        assert isinstance(destination, Destination)
        with closing(bench.ledger):
            job_id = bench.build(destination)
            with running("send", path):
                pacs.wait_for(lambda arrivals: len(arrivals) == 3)
            assert set(bench.states(job_id)) == {DeliveryState.DELIVERED}


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_the_doctor_looks_at_all_of_it(output: list[str], tmp_path: Path) -> None:
    with Pacs(tmp_path / "pacs", aet="PACS") as pacs:
        path = write(tmp_path, free_port(), pacs.port)
        arguments = ["doctor", "--config", str(path), *output]
        run = subprocess.run(command(*arguments), capture_output=True, text=True)
    # 1: the clock and the disks are this machine's own.
    assert (run.returncode in (0, 1), run.stderr) == (True, "")
    if output:
        said = {check["name"]: (check["level"], check["found"]) for check in json.loads(run.stdout)}
    else:
        levels = (line.split(maxsplit=1) for line in run.stdout.splitlines())
        said = {rest.partition(": ")[0]: (level, rest.partition(": ")[2]) for level, rest in levels}
    assert said["device"] == ("ok", "no torch; this host can only listen and send")
    assert said["model, lung"][0] == said["model, infection"][0] == "ok"
    assert said["destination pacs"][1].endswith("answered the echo with 0x0000")


def test_the_doctor_knows_a_listener_that_runs_alone(tmp_path: Path) -> None:
    path = write(tmp_path, free_port(), free_port())
    # It takes nothing from this node itself, so an echo tells nothing.
    path.write_text('caller = [{aet = "PACS"}]\n' + path.read_text())
    with running("listen", path):
        arguments = ["doctor", "--config", str(path), "--no-network"]
        run = subprocess.run(command(*arguments), capture_output=True, text=True)
    (said,) = (line for line in run.stdout.splitlines() if " port: " in line)
    assert said.startswith("ok ")
    assert "is ours: cxr-node listen, pid" in said


@pytest.mark.parametrize("part", ["work", "up"])
def test_what_a_worker_needs_is_named_in_one_line(part: str, tmp_path: Path) -> None:
    path = write(tmp_path, free_port(), free_port())
    run = subprocess.run(command(part, "--config", str(path)), capture_output=True, text=True)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert "torch" in line
    assert "in the checkout: pip install '.[worker]'" in line


def test_so_it_is_by_a_command_that_finds_out_late(tmp_path: Path) -> None:
    arguments = ["analyze", str(tmp_path), "--out", str(tmp_path / "out")]
    run = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith("in the checkout: pip install '.[worker]'")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("part", ["listen", "send"])
def test_a_ledger_in_postgresql_needs_what_one_line_names(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_LEDGER_URL", "postgresql+psycopg://cxr@127.0.0.1/cxr")
    path = write(tmp_path, free_port(), free_port())
    arguments = [part, "--config", str(path), "--log-format", "text"]
    run = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.endswith("in the checkout: pip install '.[postgres]'")


def test_what_is_blocked_is_what_the_extras_bring() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    names = {"scikit_image": "skimage"}
    modules = {
        names.get(name, name)
        for extra in ("worker", "train", "postgres")
        for wanted in project["optional-dependencies"][extra]
        if not (name := re.split(r"[>\[]", wanted)[0].replace("-", "_")).startswith("cxr")
    }
    assert modules <= set(BLOCKED)
