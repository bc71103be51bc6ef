"""The gray chain: whatever the header says, bright is dense and 0..1."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, JPEG2000Lossless, JPEGLSLossless

from inference.decode import read_radiograph
from inference.findings import Caution
from tests.inference.instances import instance, part10, smooth


def gray(pixels: NDArray[Any], **header: Any) -> NDArray[np.float32]:
    result = read_radiograph(instance(pixels, **header)).pixels
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    return result


def twelve(**header: Any) -> NDArray[np.float32]:
    return gray(smooth(), BitsStored=12, HighBit=11, **header)


def table(values: list[int], first: int, bits: int) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item.add_new("LUTData", "OW", np.array(values, "<u2").tobytes())
    return Sequence([item])


def test_eight_bit_pixels_without_a_window_are_as_they_are() -> None:
    pixels = (smooth() >> 4).astype(np.uint8)
    np.testing.assert_allclose(gray(pixels), pixels / np.float32(255), atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_is_applied_as_the_standard_says(function: str) -> None:
    header: dict[str, Any] = {"WindowCenter": 1800, "WindowWidth": 2000, "VOILUTFunction": function}
    dataset = instance(smooth(), BitsStored=12, HighBit=11, **header)
    expected = apply_windowing(smooth(), dataset) / 4095
    # A sigmoid never quite reaches black or white; ours is scaled to reach them.
    tolerance = 0.03 if function == "SIGMOID" else 1e-6
    np.testing.assert_allclose(twelve(**header), expected, atol=tolerance)


def test_rescale_comes_before_the_window() -> None:
    header: dict[str, Any] = {"RescaleSlope": 2, "RescaleIntercept": -1000}
    window = {"WindowCenter": 2600, "WindowWidth": 4000}
    rescaled = apply_modality_lut(smooth(), instance(smooth(), **header))
    expected = np.clip((rescaled - 2599.5) / 3999 + 0.5, 0, 1)
    np.testing.assert_allclose(twelve(**header, **window), expected, atol=1e-6)


def test_the_first_useful_one_of_several_windows_is_taken() -> None:
    several = twelve(WindowCenter=[60000, 2000], WindowWidth=[2, 4096])
    np.testing.assert_array_equal(several, twelve(WindowCenter=2000, WindowWidth=4096))


@pytest.mark.parametrize(
    ("center", "width"),
    [(2000, 0), (2000, 1), (60000, 100), (-5000, 100)],
    ids=["zero width", "black or white only", "all black", "all white"],
)
def test_a_useless_window_gives_way_to_a_stretch(center: int, width: int) -> None:
    stretched = twelve()
    np.testing.assert_array_equal(twelve(WindowCenter=center, WindowWidth=width), stretched)
    between = (stretched > 0.01) & (stretched < 0.99)
    assert between.mean() > 0.9


def test_the_stretch_is_not_misled_by_a_few_extreme_pixels() -> None:
    pixels = smooth(100, 100, peak=1000)
    pixels[0, :20] = 65535
    stretched = gray(pixels)
    assert np.ptp(stretched[1:]) > 0.95


def test_monochrome1_is_inverted() -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 4000}
    inverted = twelve(PhotometricInterpretation="MONOCHROME1", **window)
    np.testing.assert_allclose(inverted, 1 - twelve(**window), atol=1e-6)


def test_presentation_lut_shape_inverse_does_not_invert_monochrome1_twice() -> None:
    one = {"PhotometricInterpretation": "MONOCHROME1"}
    np.testing.assert_array_equal(twelve(**one, PresentationLUTShape="INVERSE"), twelve(**one))


@pytest.mark.parametrize("bits", [12, 16])
def test_a_modality_lut_is_looked_up_whatever_the_depth_of_its_entries(bits: int) -> None:
    falling = table(list(range(4095, -1, -1)), 0, bits)
    mapped = twelve(ModalityLUTSequence=falling, WindowCenter=2048, WindowWidth=4096)
    plain = twelve(WindowCenter=2048, WindowWidth=4096)
    np.testing.assert_allclose(mapped, 1 - plain, atol=0.001)


def test_a_table_of_a_file_is_read_in_the_files_byte_order() -> None:
    curve = table([4095 - value for value in range(4096)], 0, 12)
    little = instance(smooth(), BitsStored=12, HighBit=11, VOILUTSequence=curve)
    big = instance(smooth(), ExplicitVRBigEndian, BitsStored=12, HighBit=11)
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 12]
    item.add_new("LUTData", "OW", np.arange(4095, -1, -1).astype(">u2").tobytes())
    big.VOILUTSequence = Sequence([item])
    from_big, from_little = (read_radiograph(part10(d)).pixels for d in (big, little))
    np.testing.assert_array_equal(from_big, from_little)
    assert from_little[0, 0] > from_little[-1, -1]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_voi_lut_is_looked_up_whatever_the_depth_of_its_entries(bits: int) -> None:
    peak = 2**bits - 1
    curve = [round(peak * (value / 4095) ** 2) for value in range(4096)]
    mapped = twelve(VOILUTSequence=table(curve, 0, bits))
    np.testing.assert_allclose(mapped, (smooth() / 4095) ** 2, atol=0.003)


def test_a_voi_lut_reaches_beyond_its_ends() -> None:
    mapped = twelve(VOILUTSequence=table(list(range(1000)), 1000, 10))
    assert (mapped[smooth() < 1000] == 0).all()
    assert (mapped[smooth() > 2000] == 1).all()


def test_signed_pixels_keep_their_order() -> None:
    signed = smooth().astype(np.int16) - 2000
    result = gray(signed, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(result, twelve())


def test_bits_above_those_stored_are_no_part_of_the_pixel() -> None:
    # Old files keep an overlay there.
    overlaid = smooth() | np.uint16(0xF000)
    np.testing.assert_array_equal(gray(overlaid, BitsStored=12, HighBit=11), twelve())


def test_pixels_may_lie_in_the_upper_bits() -> None:
    shifted = smooth() << np.uint16(4)
    np.testing.assert_array_equal(gray(shifted, BitsStored=12, HighBit=15), twelve())


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_dark_and_does_not_count_in_the_stretch(interpretation: str) -> None:
    pixels = smooth()
    pixels[:, :10] = 65535
    result = gray(pixels, PixelPaddingValue=65535, PhotometricInterpretation=interpretation)
    assert (result[:, :10] == 0).all()
    assert np.ptp(result[:, 10:]) > 0.95


def test_colour_becomes_luminance() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0] = np.eye(3) * 255
    pixels[1] = 255
    expected = np.array([[0.299, 0.587, 0.114], [1, 1, 1]])
    np.testing.assert_allclose(gray(pixels), expected, atol=0.001)


def test_ybr_becomes_luminance() -> None:
    pixels = np.full((4, 6, 3), 128, np.uint8)
    pixels[:, :, 0] = np.arange(6) * 50
    result = gray(pixels, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(result[0], np.arange(6) * 50 / 255, atol=0.006)


def test_a_palette_becomes_luminance() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    colours = {"Red": ramp, "Green": ramp, "Blue": ramp}
    header: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, data in colours.items():
        header[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        header[f"{colour}PaletteColorLookupTableData"] = data
    pixels = (smooth() >> 4).astype(np.uint8)
    np.testing.assert_allclose(gray(pixels, **header), pixels / 255, atol=0.001)


def is_doubtful(pixels: NDArray[Any], **header: Any) -> bool:
    dataset = instance(pixels, **{"BitsStored": 12, "HighBit": 11} | header)
    return Caution.GRAY_VALUES_DOUBTFUL in read_radiograph(dataset).cautions


def shortened() -> Sequence:
    sequence = table(list(range(4096)), 0, 16)
    sequence[0].LUTData = sequence[0].LUTData[:4000]
    return sequence


@pytest.mark.parametrize(
    "header",
    [
        {"VOILUTSequence": shortened()},
        {"ModalityLUTSequence": shortened()},
        {"VOILUTSequence": table([16 * value for value in range(4096)], 0, 12)},
        {"VOILUTSequence": Sequence([Dataset()])},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        {"BitsStored": 10, "HighBit": 9},
    ],
    ids=["VOI LUT cut", "Modality LUT cut", "deeper than said", "empty", "slope 0", "beyond"],
)
def test_a_header_that_contradicts_the_values_is_doubtful(header: dict[str, Any]) -> None:
    assert is_doubtful(smooth(), **header)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"WindowCenter": 2000, "WindowWidth": 3000, "RescaleSlope": -1, "RescaleIntercept": 4095},
        {"VOILUTSequence": table(list(range(4096)), 0, 12)},
        {"VOILUTSequence": table([value // 16 for value in range(4096)], 0, 8)},
        {"RescaleSlope": None, "RescaleIntercept": None},
    ],
    ids=["nothing", "window", "VOI LUT", "8-bit VOI LUT", "empty slope"],
)
def test_an_ordinary_header_is_not_doubtful(header: dict[str, Any]) -> None:
    assert not is_doubtful(smooth(), **header)


def test_overlay_bits_sign_bits_and_padding_are_no_values_beyond_those_stored() -> None:
    overlaid = smooth()
    overlaid[10:20] |= np.uint16(0x8000)
    assert is_doubtful(overlaid)
    bits = instance(overlaid, BitsStored=12, HighBit=11)
    bits.add_new(0x60000102, "US", 15)
    assert Caution.GRAY_VALUES_DOUBTFUL not in read_radiograph(bits).cautions
    signed = smooth().astype(np.int16) - 2000
    assert not is_doubtful(signed)
    assert not is_doubtful(signed & np.int16(0x0FFF))
    padded = smooth()
    padded[:, :10] = 65535
    assert is_doubtful(padded)
    assert not is_doubtful(padded, PixelPaddingValue=65535)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_codestream_knows_better_than_bits_stored(syntax: str) -> None:
    dataset = instance(smooth(), BitsStored=12, HighBit=11)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.BitsStored, dataset.HighBit = 10, 9
    radiograph = read_radiograph(dataset)
    np.testing.assert_array_equal(radiograph.pixels, twelve())
    assert Caution.GRAY_VALUES_DOUBTFUL not in radiograph.cautions


@pytest.mark.parametrize(("first", "limit"), [(-2000, None), (63536, None), (63536, 63600)])
def test_padding_is_found_in_either_sign(first: int, limit: int | None) -> None:
    pixels = smooth().astype(np.int16) - 2000
    pixels[:, :10] = -2000 if limit is None else -1950
    dataset = instance(pixels, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    vr = "SS" if first < 0 else "US"
    dataset.add(DataElement(0x00280120, vr, first))
    if limit is not None:
        dataset.add(DataElement(0x00280121, vr, limit))
    assert (read_radiograph(dataset).pixels[:, :10] == 0).all()


def test_padding_of_the_whole_image_is_none() -> None:
    pixels = smooth()
    result = twelve(PixelPaddingValue=0, PixelPaddingRangeLimit=4095)
    np.testing.assert_array_equal(result, twelve())
    assert np.ptp(pixels) > 0


def test_sixteen_bit_colour_of_twelve_bits_stored_is_not_dark() -> None:
    colours = np.repeat(smooth()[..., None], 3, axis=2)
    assert gray(colours, BitsStored=12, HighBit=11).max() > 0.95
