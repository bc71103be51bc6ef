"""The phantom, its truth, and its DICOM header, judged by the real networks and by dciodvfy.

Not covered: that it looks like a radiograph to a person. That was looked at while it was drawn.
"""

from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import pytest
from pydicom import FileDataset, dcmread
from pydicom.uid import (
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from scipy import ndimage

from dicom_node.demo.phantom import Kind, Phantom, draw
from dicom_node.demo.phantom_dicom import as_dicom, true_masks_as_stored
from inference.analyze import analyze
from inference.decode import read_radiograph
from inference.engines.openvino import OpenvinoEngine
from inference.findings import Decision, Findings, Mask
from inference.orientation import parse
from tests import phantoms
from tests.conformance.validators import dciodvfy

pytestmark = pytest.mark.slow

ROWS, COLUMNS = 764, 636
FRONTAL = [kind for kind in Kind if kind not in (Kind.LATERAL, Kind.BLANK)]
ORIENTATIONS = [(a, b) for a in "LRFH" for b in "LRFH" if (a in "LR") != (b in "LR")]


@pytest.fixture(scope="session")
def healthy() -> Phantom:
    return small(Kind.HEALTHY, 0)


def small(kind: Kind, seed: int = 0) -> Phantom:
    return phantoms.draw(kind, rows=382, columns=318, seed=seed)


def large(kind: Kind, seed: int = 0) -> Phantom:
    return phantoms.draw(kind, rows=ROWS, columns=COLUMNS, seed=seed)


@cache
def seen(kind: Kind, seed: int, engine: OpenvinoEngine) -> Findings:
    """What the networks find in the large one."""
    return analyze(as_dicom(large(kind, seed)), engine).findings


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def read_again(dataset: FileDataset, path: Path) -> FileDataset:
    dataset.save_as(path, enforce_file_format=True)
    return dcmread(path)


# --- what the networks see -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_the_networks_find_healthy_lungs(seed: int, engine: OpenvinoEngine) -> None:
    phantom = large(Kind.HEALTHY, seed)
    left, right = (segment.mask for segment in seen(Kind.HEALTHY, seed, engine).segments[:2])
    assert dice(left, phantom.left_lung) > 0.92
    assert dice(right, phantom.right_lung) > 0.92


def test_the_networks_find_no_infection_in_most_healthy_lungs(
    engine: OpenvinoEngine,
) -> None:
    found = [seen(Kind.HEALTHY, seed, engine) for seed in range(10)]
    positive = [findings for findings in found if findings.decision is Decision.POSITIVE]
    assert len(positive) <= 1
    assert max(findings.infected_percent or 0 for findings in found) < 10


@pytest.mark.parametrize("kind", [Kind.LEFT_OPACITY, Kind.RIGHT_OPACITY])
def test_the_networks_find_most_opacities_and_on_their_own_side(
    kind: Kind, engine: OpenvinoEngine
) -> None:
    found = 0
    for seed in range(10):
        findings = seen(kind, seed, engine)
        sides = (findings.left, findings.right)
        own, other = sides if kind is Kind.LEFT_OPACITY else sides[::-1]
        assert own.infected_pixels >= other.infected_pixels
        found += own.infected_percent is not None and own.infected_percent > 15
    assert found >= 7


def test_the_networks_find_opacities_on_both_sides(engine: OpenvinoEngine) -> None:
    phantom = large(Kind.BILATERAL_OPACITIES, 4)
    findings = seen(Kind.BILATERAL_OPACITIES, 4, engine)
    truth = phantom.left_infection | phantom.right_infection
    assert dice(findings.segments[2].mask | findings.segments[3].mask, truth) > 0.6


@pytest.mark.parametrize("kind", [Kind.LATERAL, Kind.BLANK])
def test_what_is_no_frontal_chest_is_not_taken_for_one(kind: Kind, engine: OpenvinoEngine) -> None:
    assert seen(kind, 0, engine).decision is Decision.UNDETERMINED


# --- the truth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FRONTAL)
def test_the_true_masks_agree_with_each_other_and_with_the_kind(kind: Kind) -> None:
    phantom = small(kind, seed=1)
    left, right = phantom.left_lung, phantom.right_lung
    assert 0.03 < left.mean() < 0.25
    assert 0.03 < right.mean() < 0.25
    assert not (left & right).any()
    assert not (phantom.left_infection & ~left).any()
    assert not (phantom.right_infection & ~right).any()
    # The patient faces us: the left lung is at the image's right.
    assert np.argwhere(left)[:, 1].mean() > np.argwhere(right)[:, 1].mean()
    infected = (bool(phantom.left_infection.any()), bool(phantom.right_infection.any()))
    assert infected == {
        Kind.LEFT_OPACITY: (True, False),
        Kind.RIGHT_OPACITY: (False, True),
        Kind.BILATERAL_OPACITIES: (True, True),
        Kind.WHITE_LUNG: (True, False),
    }.get(kind, (False, False))


@pytest.mark.parametrize("kind", [Kind.LATERAL, Kind.BLANK])
def test_what_is_no_frontal_chest_has_no_true_masks(kind: Kind) -> None:
    assert not any(mask.any() for mask in true_masks_as_stored(small(kind)))


@pytest.mark.parametrize(("kind", "touch"), [(Kind.HEALTHY, False), (Kind.TOUCHING_LUNGS, True)])
def test_touching_lungs_touch_and_healthy_ones_do_not(kind: Kind, touch: bool) -> None:
    for seed in (0, 1):
        phantom = small(kind, seed)
        beside = ndimage.binary_dilation(phantom.left_lung) & phantom.right_lung
        assert bool(beside.sum() > 5) is touch


@pytest.mark.parametrize("seed", [0, 1])
def test_a_white_lung_is_as_dense_as_the_heart_and_its_side_follows_the_seed(seed: int) -> None:
    phantom = small(Kind.WHITE_LUNG, seed)
    lungs = (phantom.right_lung, phantom.left_lung)
    white, clear = lungs[seed], lungs[1 - seed]
    assert phantom.image[white].mean() > phantom.image[clear].mean() + 0.25
    infected = phantom.left_infection | phantom.right_infection
    np.testing.assert_array_equal(infected, white)


def test_a_phantom_is_the_same_each_time_and_another_with_another_seed() -> None:
    one, other = small(Kind.BILATERAL_OPACITIES, 1), small(Kind.BILATERAL_OPACITIES, 2)
    again = draw(Kind.BILATERAL_OPACITIES, rows=382, columns=318, seed=1)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.left_infection, again.left_infection)
    assert dice(one.left_lung, other.left_lung) < 0.99


def test_a_seed_is_one_patient_whatever_the_disease() -> None:
    for kind in (Kind.LEFT_OPACITY, Kind.WHITE_LUNG):
        np.testing.assert_array_equal(
            small(Kind.HEALTHY, 1).left_lung, small(kind, 1).left_lung, str(kind)
        )


@pytest.mark.parametrize("shape", [(3056, 2544), (200, 300), (1, 1)])
def test_a_phantom_has_the_size_asked_for_and_grey_between_0_and_1(shape: tuple[int, int]) -> None:
    phantom = draw(Kind.BILATERAL_OPACITIES, rows=shape[0], columns=shape[1])
    assert phantom.image.dtype == np.float32
    assert phantom.image.shape == phantom.left_lung.shape == phantom.right_infection.shape == shape
    assert 0 <= phantom.image.min() <= phantom.image.max() <= 1


class Options(TypedDict, total=False):
    """Those of `as_dicom`."""

    sop_class: str
    photometric: Literal["MONOCHROME1", "MONOCHROME2"]
    bits_stored: int
    signed: bool
    patient_orientation: tuple[str, str]
    pixel_spacing: tuple[float, float]
    window: tuple[float, float] | None
    transfer_syntax: str


# --- the header ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.HEALTHY, Kind.LATERAL])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"photometric": "MONOCHROME1", "patient_orientation": ("H", "R"), "bits_stored": 8},
        {"sop_class": DigitalXRayImageStorageForProcessing, "window": None},
        {"sop_class": ComputedRadiographyImageStorage, "pixel_spacing": (0.2, 0.2)},
        {"sop_class": SecondaryCaptureImageStorage},
        {"transfer_syntax": JPEG2000},
    ],
)
def test_an_instance_is_valid_for_its_iod(kind: Kind, options: Options, tmp_path: Path) -> None:
    path = tmp_path / "phantom.dcm"
    as_dicom(small(kind), **options).save_as(path, enforce_file_format=True)
    assert dciodvfy(path) == []


@pytest.mark.parametrize(
    "options",
    [
        {"bits_stored": 8},
        {"bits_stored": 10, "photometric": "MONOCHROME1"},
        {"bits_stored": 16, "signed": True},
        {"bits_stored": 16, "signed": True, "photometric": "MONOCHROME1"},
        {"window": (1500, 900)},
        {"window": (100, 300), "signed": True, "photometric": "MONOCHROME1"},
        {"patient_orientation": ("H", "R")},
        {"transfer_syntax": ImplicitVRLittleEndian},
        {"transfer_syntax": ExplicitVRBigEndian},
        {"transfer_syntax": ExplicitVRBigEndian, "bits_stored": 8},
        {"transfer_syntax": DeflatedExplicitVRLittleEndian},
        {"transfer_syntax": RLELossless},
        {"transfer_syntax": JPEGLSLossless, "bits_stored": 10},
        {"transfer_syntax": JPEGLSNearLossless},
        {"transfer_syntax": JPEG2000Lossless, "bits_stored": 16},
        {"transfer_syntax": JPEG2000},
    ],
)
def test_through_its_header_one_sees_the_phantom(
    options: Options, healthy: Phantom, tmp_path: Path
) -> None:
    dataset = read_again(as_dicom(healthy, **options), tmp_path / "phantom.dcm")
    assert dataset.file_meta.TransferSyntaxUID == options.get(
        "transfer_syntax", dataset.file_meta.TransferSyntaxUID
    )
    radiograph = read_radiograph(dataset)
    seen = radiograph.orientation.upright(radiograph.pixels)
    # 8 bits give a step of 1/255; the lossy ones cost a little more.
    np.testing.assert_allclose(seen, healthy.image, atol=0.02)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_pixels_and_masks_lie_as_the_patient_orientation_says(
    orientation: tuple[str, str], healthy: Phantom
) -> None:
    dataset = as_dicom(healthy, patient_orientation=orientation)
    assert tuple(dataset.PatientOrientation) == orientation
    upright = parse(dataset.PatientOrientation).upright
    np.testing.assert_array_equal(upright(dataset.pixel_array), as_dicom(healthy).pixel_array)
    left_lung, right_lung, *_ = true_masks_as_stored(healthy, orientation)
    np.testing.assert_array_equal(upright(left_lung), healthy.left_lung)
    np.testing.assert_array_equal(upright(right_lung), healthy.right_lung)


def test_an_orientation_that_no_frontal_image_has_is_refused(healthy: Phantom) -> None:
    with pytest.raises(ValueError, match=r"A\\F"):
        as_dicom(healthy, patient_orientation=("A", "F"))


def test_a_lateral_says_it_is_one() -> None:
    dataset = as_dicom(small(Kind.LATERAL))
    assert dataset.ViewPosition == "LL"
    assert list(dataset.PatientOrientation) == ["P", "F"]


def test_what_is_none_is_absent(healthy: Phantom) -> None:
    dataset = as_dicom(
        healthy,
        patient_orientation=None,
        imager_pixel_spacing=None,
        window=None,
        PatientName=None,
        NumberOfFrames=None,
    )
    absent = ("PatientOrientation", "ImagerPixelSpacing", "PixelSpacing", "WindowCenter")
    assert [name for name in (*absent, "PatientName", "NumberOfFrames") if name in dataset] == []


def test_an_override_may_be_nonsense_and_reaches_the_file(healthy: Phantom, tmp_path: Path) -> None:
    dataset = as_dicom(healthy, StudyTime="10:00:00", PatientSex="X", PixelSpacing=[0, 0])
    path = tmp_path / "phantom.dcm"
    dataset.save_as(path, enforce_file_format=True)
    assert b"10:00:00" in path.read_bytes()
    assert list(dcmread(path).PixelSpacing) == [0, 0]


def test_a_view_position_of_ones_own_is_not_contradicted_by_the_view_code(healthy: Phantom) -> None:
    assert as_dicom(healthy).ViewCodeSequence[0].CodeMeaning == "postero-anterior"
    assert "ViewCodeSequence" not in as_dicom(healthy, ViewPosition="LL")


def test_an_attribute_that_does_not_exist_is_refused(healthy: Phantom) -> None:
    with pytest.raises(ValueError, match="PatientsName"):
        as_dicom(healthy, PatientsName="Nobody")


def test_the_same_options_are_the_same_instance_and_others_another(healthy: Phantom) -> None:
    uid = as_dicom(healthy).SOPInstanceUID
    assert UID(uid).is_valid
    assert uid.startswith("2.25.")
    assert as_dicom(healthy).SOPInstanceUID == uid
    others = [
        as_dicom(healthy, photometric="MONOCHROME1"),
        as_dicom(healthy, ViewPosition="AP"),
        as_dicom(small(Kind.HEALTHY, 1)),
        as_dicom(small(Kind.LEFT_OPACITY, 0)),
    ]
    assert len({uid, *(other.SOPInstanceUID for other in others)}) == 5


def test_uids_of_ones_own_are_those_of_the_file_meta_group_too(healthy: Phantom) -> None:
    dataset = as_dicom(healthy, SOPInstanceUID="1.2.3", StudyInstanceUID="1.2")
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID == "1.2.3"
    assert dataset.StudyInstanceUID == "1.2"
    assert dataset.file_meta.MediaStorageSOPClassUID == DigitalXRayImageStorageForPresentation
