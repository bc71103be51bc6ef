"""The import rules of the design: who may import what, read from the source without running it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("dicom_node", "inference", "sr_writer")

#: One library, one door: where each may be imported.
DOORS = {
    "pynetdicom": ("dicom_node/dimse.py", "dicom_node/acceptance.py",
                   "dicom_node/store_requests.py", "dicom_node/listener.py",
                   "dicom_node/delivery/", "dicom_node/demo/"),
    "kombu": ("dicom_node/queueing.py", "dicom_node/embedded_broker.py"),
    "pydantic": ("dicom_node/config/",),
    "sqlalchemy": ("dicom_node/ledger/", "dicom_node/migrations/"),
    "alembic": ("dicom_node/ledger/", "dicom_node/migrations/"),
    "torch": ("inference/networks.py", "inference/engines/", "inference/torchvision_pair.py",
              "inference/training/"),
    "segmentation_models_pytorch": ("inference/networks.py",),
    "highdicom": ("sr_writer/",),
    "reportlab": ("sr_writer/doc/page.py",),
}  # fmt: skip
#: The only places of dicom_node that may join the three packages.
JOINTS = ("dicom_node/worker/", "dicom_node/cli/")
#: Leaves that need nothing but the standard library: everywhere welcome.
LEAVES = ("sr_writer.kinds", "sr_writer.equipment")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def belongs(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_package_is_looked_at() -> None:
    assert all(len(sources(package)) > 3 for package in PACKAGES)


def test_inference_imports_nothing_of_ours() -> None:
    wrong = [
        (relative(path), module)
        for path in sources("inference")
        for module in imports(path)
        if belongs(module, "dicom_node") or belongs(module, "sr_writer")
    ]
    assert wrong == []


#: What inference declares for others to read.
CONTRACT = ("inference.findings", "inference.pipeline")


def test_sr_writer_imports_only_the_contract_of_inference() -> None:
    wrong = [
        (relative(path), module)
        for path in sources("sr_writer")
        for module in imports(path)
        if belongs(module, "dicom_node")
        or (belongs(module, "inference") and module not in CONTRACT)
    ]
    assert wrong == []


def test_only_the_worker_and_the_command_line_join_the_packages() -> None:
    wrong = [
        (relative(path), module)
        for path in sources("dicom_node")
        if not relative(path).startswith(JOINTS)
        for module in imports(path)
        if belongs(module, "inference") or (belongs(module, "sr_writer") and module not in LEAVES)
    ]
    assert wrong == []


def test_kinds_need_nothing_of_other_kinds_but_their_records() -> None:
    """What several kinds share lies beside their folders; a key object is an SR document, too."""
    folders = {path.parent.name for path in (ROOT / "sr_writer").glob("*/build.py")}
    wrong = [
        (relative(path), module)
        for folder in folders
        for path in (ROOT / "sr_writer" / folder).glob("*.py")
        for module in imports(path)
        for other in folders - {folder}
        if module.startswith(f"sr_writer.{other}.") and module != "sr_writer.sr.document"
    ]
    assert (len(folders), wrong) == (6, [])


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    wrong = [
        relative(path)
        for package in PACKAGES
        for path in sources(package)
        if any(belongs(module, library) for module in imports(path))
        and not relative(path).startswith(DOORS[library])
    ]
    assert wrong == []


def test_modules_keep_to_a_readable_length() -> None:
    long = {
        relative(path): lines
        for package in PACKAGES
        for path in sources(package)
        if (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}
