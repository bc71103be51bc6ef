"""What a destination gets: presets, the keys that override them, and what stands in for what."""

import pickle

import pytest
from pydicom.uid import UID

from dicom_node.config.profiles import (
    PRESETS,
    STANDARD,
    TRANSFER_SYNTAXES,
    Profile,
    read_profile,
    steps,
)
from dicom_node.errors import ConfigError
from tests.sr_writer.examples import ROLES


def test_the_transfer_syntaxes_are_the_standards() -> None:
    assert {name: UID(uid).name for name, uid in TRANSFER_SYNTAXES.items()} == {
        "explicit": "Explicit VR Little Endian",
        "implicit": "Implicit VR Little Endian",
        "deflated": "Deflated Explicit VR Little Endian",
        "jpeg2000": "JPEG 2000 Image Compression (Lossless Only)",
        "rle": "RLE Lossless",
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_sends_known_outputs_uncompressed(preset: str) -> None:
    profile = read_profile({"preset": preset})
    assert set(profile.outputs) <= set(ROLES)
    assert profile.syntaxes_for("SEG") == ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
    assert pickle.loads(pickle.dumps(profile)) == profile


def test_nothing_said_is_the_standard() -> None:
    assert read_profile({}) == STANDARD == PRESETS["standard"]


def test_keys_override_the_preset() -> None:
    keys = {"preset": "slicer", "outputs": ["SR", "SC"], "next_best": False}
    assert read_profile(keys) == Profile(("SR", "SC"), next_best=False)
    compressed = read_profile({"transfer_syntaxes": ["rle", "deflated", "explicit"]})
    names = [UID(uid).name for uid in compressed.syntaxes_for("SC")]
    assert names == ["RLE Lossless", "Deflated Explicit VR Little Endian",
                     "Explicit VR Little Endian"]  # fmt: skip


def test_a_seg_is_never_compressed_and_only_the_overlay_has_pixels_to() -> None:
    everything = Profile(transfer_syntaxes=tuple(TRANSFER_SYNTAXES))
    offered = {role: [UID(uid) for uid in everything.syntaxes_for(role)] for role in ROLES}
    assert [uid.name for uid in offered["SEG"]] == [
        "Explicit VR Little Endian",
        "Implicit VR Little Endian",
    ]
    assert len(offered["SC"]) == len(TRANSFER_SYNTAXES)
    assert [role for role in ROLES if any(uid.is_compressed for uid in offered[role]
            if not uid.is_deflated)] == ["SC"]  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "sr", "expected"),
    [
        (["SEG", "SR", "SC"], "comprehensive", ("SEG", "SR2D", "SC")),
        (["SR", "SR2D"], "comprehensive", ("SR2D",)),
        (["SR2D"], "comprehensive-3d", ("SR",)),
        (["SC"], "comprehensive", ("SC",)),
    ],
)
def test_one_key_chooses_the_class_of_the_report(
    outputs: list[str], sr: str, expected: tuple[str, ...]
) -> None:
    assert read_profile({"outputs": outputs, "sr": sr}).outputs == expected


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"preset": "osirix"}, "'osirix' is not one of standard, ohif, dcm4chee, slicer"),
        ({"sr": "basic"}, "'basic' is not one of comprehensive-3d, comprehensive"),
        ({"outputs": ["SEG", "PDF"]}, "'PDF' is not one of SEG, SR, SR2D, SC, KO, PR, DOC"),
        ({"outputs": [3, ["SEG"]]}, "outputs 3 is not one of"),
        ({"outputs": []}, "outputs is empty"),
        ({"outputs": ["SEG", "SEG"]}, "outputs names 'SEG' twice"),
        ({"transfer_syntaxes": ["jpeg"]}, "'jpeg' is not one of explicit, implicit, deflated"),
        ({"transfer_syntaxes": []}, "transfer_syntaxes is empty"),
        ({"transfer_syntaxes": ["rle"]}, "needs explicit or implicit"),
    ],
)
def test_a_fault_is_named_with_what_is_known(keys: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read_profile(keys)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_profile({"preset": "x", "sr": "y", "outputs": ["z"], "transfer_syntaxes": ["w"]})
    assert len(caught.value.faults) == 5


def test_every_chain_ends() -> None:
    for role in ROLES:
        seen = [role]
        while instead := STANDARD.instead_of(seen[-1]):
            seen.append(instead)
            assert len(seen) <= len(ROLES)


@pytest.mark.parametrize(
    ("profile", "reserves"),
    [
        (STANDARD, {"PR": "SEG", "SR2D": "SR", "DOC": "SR2D"}),
        (Profile(("SEG", "SR")), {"PR": "SEG", "SC": "PR", "SR2D": "SR", "DOC": "SR2D"}),
        (Profile(("SEG", "PR", "SC")), {}),
        (Profile(("SC",)), {}),
        (Profile(("SEG", "SR"), next_best=False), {}),
    ],
)
def test_what_is_kept_in_reserve(profile: Profile, reserves: dict[str, str]) -> None:
    assert profile.reserves == reserves


def test_reports_and_masks_come_first_and_what_may_not_be_needed_last() -> None:
    assert built([STANDARD]) == {
        "reports": ("SEG", "SR"), "pictures": ("SC",), "reserves": ("SR2D", "PR", "DOC")
    }  # fmt: skip
    outlines = Profile(("PR", "SR2D"))
    assert built([STANDARD, outlines]) == {
        "reports": ("SEG", "SR", "SR2D"), "pictures": ("SC", "PR"), "reserves": ("DOC",)
    }  # fmt: skip
    assert built([Profile(("SC",))]) == {"pictures": ("SC",)}


def built(profiles: list[Profile]) -> dict[str, tuple[str, ...]]:
    return {step.name: step.roles for step in steps(profiles)}


def test_a_node_without_a_destination_builds_the_usual_outputs() -> None:
    assert built([]) == {"reports": ("SEG", "SR"), "pictures": ("SC",)}
