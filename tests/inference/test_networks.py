"""The paper's fifteen networks, lighter ones, and a torchvision that does not fit its torch."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from inference.networks import NETWORKS, PAPER_NETWORKS, build

pytestmark = pytest.mark.slow

#: Table 4 of the paper, in millions.
TABLE_4 = {
    "unet-resnet18": 14.32, "unet-resnet50": 32.5, "unet-densenet121": 13.60,
    "unet-densenet161": 38.73, "unet-inceptionv4": 48.79,
    "unetplusplus-resnet18": 15.96, "unetplusplus-resnet50": 48.97,
    "unetplusplus-densenet121": 30.06, "unetplusplus-densenet161": 79.04,
    "unetplusplus-inceptionv4": 59.35,
    "fpn-resnet18": 13.04, "fpn-resnet50": 26.11, "fpn-densenet121": 9.29,
    "fpn-densenet161": 29.49, "fpn-inceptionv4": 43.57,
}  # fmt: skip
#: The table gives two decimals and cuts the rest off; "32.5", the one with a single decimal,
#: is 32.521.
TOLERANCE = 0.022


def test_the_fifteen_of_the_paper_are_known() -> None:
    assert set(PAPER_NETWORKS) == TABLE_4.keys()


@pytest.mark.parametrize("name", PAPER_NETWORKS)
def test_trainable_parameters_are_the_papers(name: str) -> None:
    # On the meta device nothing is allocated or initialised.
    with torch.device("meta"):
        network = build(name)
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trainable / 1e6 == pytest.approx(TABLE_4[name], abs=TOLERANCE)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - set(PAPER_NETWORKS)))
def test_a_lighter_network_has_at_most_half_of_the_parameters_and_the_same_shapes(
    name: str,
) -> None:
    with torch.device("meta"):
        network = build(name).eval()
        logits = network(torch.zeros(1, 3, 64, 64))
    assert logits.shape == (1, 2, 64, 64)
    resnet = TABLE_4[f"{name.split('-')[0]}-resnet18"]
    assert sum(p.numel() for p in network.parameters()) / 1e6 < resnet / 2


@pytest.mark.parametrize("name", ["vgg", "unet", "unet-resnet34", ""])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="fpn-inceptionv4"):
        build(name)


def run(code: str, torchvision: Path | None = None) -> str:
    """Run `code` in a fresh interpreter, with that folder's torchvision in place of the real one.

    A torchvision can be imported only once in a process, and stands for the one installed.
    """
    path = "" if torchvision is None else f"sys.path.insert(0, {str(torchvision)!r})\n"
    script = f"import sys\n{path}{textwrap.dedent(code)}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return done.stdout + done.stderr


def stand_in(folder: Path, code: str) -> Path:
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(textwrap.dedent(code))
    return folder


IMPORT_AND_LOOK = """
    import torch
    from inference.torchvision_pair import import_torchvision
    import_torchvision()
    import torchvision
    print("declared" if hasattr(torch.ops.torchvision, "nms") else "untouched")
"""


def test_the_installed_torchvision_is_imported_whatever_torch_it_was_built_for() -> None:
    assert "declared" in run(IMPORT_AND_LOOK)


def test_a_missing_operator_is_declared(tmp_path: Path) -> None:
    # What a torchvision without its compiled part does when it is imported.
    package = stand_in(
        tmp_path,
        """
        import torch
        torch.library.register_fake("torchvision::nms")(lambda *_: None)
        """,
    )
    assert "declared" in run(IMPORT_AND_LOOK, package)


def test_a_torchvision_that_imports_is_left_alone(tmp_path: Path) -> None:
    assert "untouched" in run(IMPORT_AND_LOOK, stand_in(tmp_path, "fits = True"))


def test_any_other_fault_of_torchvision_is_raised(tmp_path: Path) -> None:
    package = stand_in(tmp_path, "raise RuntimeError('the disk is on fire')")
    assert "the disk is on fire" in run(IMPORT_AND_LOOK, package)
