"""The import rules of the design: who may import what, read from the source without running it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("dicom_node", "inference", "sr_writer")

#: One library, one door: where each may be imported.
DOORS = {
    "pynetdicom": ("dicom_node/network/", "dicom_node/intake/",
                   "dicom_node/delivery/association.py", "dicom_node/delivery/dicom.py",
                   "dicom_node/delivery/commitment.py", "dicom_node/delivery/query.py",
                   "dicom_node/delivery/outcome/", "dicom_node/retrieval/dicom.py",
                   "dicom_node/retrieval/inbox.py",
                   "dicom_node/demo/"),
    "jinja2": ("dicom_node/page/site/rendering.py",),
    "starlette": ("dicom_node/page/",),
    "uvicorn": ("dicom_node/page/serving.py", "dicom_node/page/connections.py"),
    "prometheus_client": ("dicom_node/metrics/",),
    "httpx2": ("dicom_node/web/exchange.py", "dicom_node/web/session.py",
               "dicom_node/web/posting.py"),
    "hl7": ("dicom_node/handover/oru.py",),
    "fhir": ("dicom_node/handover/bundle.py",),
    "kombu": ("dicom_node/queueing.py", "dicom_node/embedded_broker.py"),
    "pydantic": ("dicom_node/config/",),
    "sqlalchemy": ("dicom_node/ledger/", "dicom_node/migrations/"),
    "alembic": ("dicom_node/ledger/", "dicom_node/migrations/"),
    "torch": ("inference/networks.py", "inference/engines/", "inference/torchvision_pair.py",
              "inference/training/", "inference/datasets/examples.py",
              "inference/datasets/duplicates.py", "inference/evaluation/benchmark.py"),
    "segmentation_models_pytorch": ("inference/networks.py",),
    "scipy.stats": ("dicom_node/drift/comparing.py", "inference/evaluation/"),
    "highdicom": ("sr_writer/",),
    "reportlab": ("sr_writer/doc/page.py", "sr_writer/doc/pen.py", "sr_writer/doc/typeface.py"),
}  # fmt: skip
#: The only places of dicom_node that may join the three packages.
JOINTS = ("dicom_node/worker/", "dicom_node/drawing/", "dicom_node/cli/")
#: Leaves that need nothing of the others, nor a library that is slow to start: everywhere welcome.
LEAVES = ("inference.header", "inference.pipeline", "inference.decoding.deflated",
          "inference.decoding.bounded",
          "sr_writer.kind", "sr_writer.kinds", "sr_writer.language", "sr_writer.progression",
          "sr_writer.equipment")  # fmt: skip


def sources(package: str) -> list[Path]:
    files = (ROOT / package).rglob("*.py")
    return sorted(path for path in files if "node_modules" not in path.parts)


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
CONTRACT = ("inference.findings", "inference.header", "inference.pipeline")


def test_sr_writer_imports_only_the_contract_of_inference() -> None:
    wrong = [
        (relative(path), module)
        for path in sources("sr_writer")
        for module in imports(path)
        if belongs(module, "dicom_node")
        or (belongs(module, "inference") and module not in CONTRACT)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "leaf",
    [
        "inference.header",
        "inference.pipeline",
        "inference.decoding.deflated",
        "inference.decoding.bounded",
        "sr_writer.equipment",
        "sr_writer.language",
    ],
)
def test_a_leaf_imports_nothing_of_ours_but_leaves(leaf: str) -> None:
    modules = imports(ROOT / f"{leaf.replace('.', '/')}.py")
    ours = [m for m in modules if any(belongs(m, package) for package in PACKAGES)]
    assert [m for m in ours if m not in LEAVES] == []


def test_only_worker_drawing_and_command_line_join_the_packages() -> None:
    wrong = [
        (relative(path), module)
        for path in sources("dicom_node")
        if not relative(path).startswith(JOINTS)
        for module in imports(path)
        if (belongs(module, "inference") or belongs(module, "sr_writer")) and module not in LEAVES
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
    assert len(folders) > 3
    assert wrong == []


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


def test_no_test_imports_from_another() -> None:
    """What tests share lies beside them, in a module named for it, or in a conftest."""
    wrong = [
        (relative(path), relative(other))
        for path in sources("tests")
        for other in imported(path, "tests")
        if other.stem.startswith("test_")
    ]
    assert wrong == []


def test_application_entities_are_built_in_one_place() -> None:
    builders = [
        relative(path)
        for path in sources("dicom_node")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AE"
    ]
    assert set(builders) == {"dicom_node/network/dimse.py"}


def test_modules_keep_to_a_readable_length() -> None:
    long = {
        relative(path): lines
        for package in (*PACKAGES, "tests")
        for path in sources(package)
        if (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


#: Loose modules a folder may hold before a newcomer has to guess.
MOST_MODULES = 16
#: In cli/ nobody guesses: every module is the command of its name (tests/dicom_node/test_cli.py).
#: Migrations are a numbered row, and none may go.
FULL = {"dicom_node/cli", "dicom_node/migrations/versions"}


def test_no_folder_is_so_full_that_a_newcomer_has_to_guess() -> None:
    folders = {path.parent for package in PACKAGES for path in sources(package)}
    full = {
        relative(folder): count
        for folder in folders
        if (count := len(set(folder.glob("*.py")) - {folder / "__init__.py"})) > MOST_MODULES
        and relative(folder) not in FULL
    }
    assert full == {}


def rooms(package: str) -> dict[str, set[str]]:
    """The picture of the imports: which rooms each room imports from.

    A room is a folder, or a module that lies loose in the package.
    """
    picture: dict[str, set[str]] = {}
    for path in sources(package):
        if path.parent != ROOT / package or path.stem != "__init__":
            seen = {room_of(other, package) for other in imported(path, package)}
            here = room_of(path, package)
            picture.setdefault(here, set()).update(seen - {here})
    return picture


def room_of(path: Path, package: str) -> str:
    folder = path.parent.relative_to(ROOT / package).as_posix()
    return path.stem if folder == "." else folder


def imported(path: Path, package: str) -> Iterator[Path]:
    """The files of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a folder may be a module in it.
            names = [(f"{node.module}.{alias.name}", node.module) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [(alias.name,) * 2 for alias in node.names]
        else:
            continue
        for candidates in names:
            files = [file for name in candidates for file in files_of(name)]
            if files and belongs(candidates[0], package):
                yield files[0]


def files_of(module: str) -> list[Path]:
    path = ROOT / module.replace(".", "/")
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]


def arrows_back(picture: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The imports between rooms of which one leads to the other and back."""
    return {
        (here, there)
        for here, others in picture.items()
        for there in others
        if here in reached_from(there, picture)
    }


def reached_from(start: str, picture: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = {start}
    while ahead:
        reached |= ahead
        ahead = {other for room in ahead for other in picture.get(room, ())} - reached
    return reached


def test_an_arrow_that_runs_back_is_seen() -> None:
    picture = {"analyze": {"gray"}, "gray": {"header", "lungs"}, "lungs": {"gray"}, "header": set()}
    assert arrows_back(picture) == {("gray", "lungs"), ("lungs", "gray")}


def test_who_draws_on_the_page_needs_no_library_of_the_workers() -> None:
    """The page's image has none of them."""
    code = (
        "import sys, dicom_node.drawing.desk, dicom_node.cli.node.drawing as _;"
        "print([one for one in ('torch', 'highdicom', 'scipy', 'skimage', 'openvino')"
        " if one in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_between_rooms_runs_back(package: str) -> None:
    picture = rooms(package)
    assert len(picture) > 3
    assert arrows_back(picture) == set()
