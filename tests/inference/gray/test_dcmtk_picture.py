"""The gray chain shows what DCMTK's dcm2pnm shows, over a table of headers.

dcm2pnm is told to apply what a viewer would: the VOI LUT, else the first window, else the range of
the values. Where ours deliberately differs, the table says why. JPEG 2000 it cannot read: there the
picture is held to that of the same pixels uncompressed.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import DataElement, Dataset, dcmread
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from inference.decode import read_radiograph
from tests.conftest import missing
from tests.inference.instances import instance, part10, smooth

pytestmark = pytest.mark.slow

DCM2PNM = "/usr/bin/dcm2pnm"
LEAST_CORRELATION = 0.999

Header = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A header and pixels that go with it."""

    name: str
    pixels: NDArray[Any]
    header: Header
    options: tuple[str, ...] = ("+Wm",)  #: what dcm2pnm is told
    syntax: UID = ExplicitVRLittleEndian
    coder: tuple[str, ...] = ()  #: DCMTK's program that compresses it, and its options
    shown: Header = field(default_factory=dict)  #: what dcm2pnm is given instead
    because: str = ""  #: why it is given something else


def stored(bits: int, signed: bool = False) -> NDArray[Any]:
    """A picture that uses most of the range."""
    values = smooth(96, 70, peak=2**bits - 1).astype(np.int64)
    if signed:
        return np.asarray(values - 2 ** (bits - 1), np.int8 if bits <= 8 else np.int16)
    return np.asarray(values, np.uint8 if bits <= 8 else np.uint16)


def depth(bits: int) -> Header:
    return {"BitsStored": bits, "HighBit": bits - 1}


def window(bits: int, signed: bool = False, scale: float = 1, offset: float = 0) -> Header:
    """One that darkens a quarter and brightens a quarter, in units of the modality."""
    middle = 0 if signed else 2 ** (bits - 1)
    return {
        "WindowCenter": middle * scale + offset,
        "WindowWidth": abs(2 ** (bits - 1) * scale),
    }


def table(
    count: int, first: int, bits: int, vr: str = "OW", packed: bool = False, start_vr: str = "US"
) -> Sequence:
    """A curve that no window gives."""
    curve = np.rint((np.arange(count) / (count - 1)) ** 1.7 * (2**bits - 1))
    item = Dataset()
    item.add(DataElement(0x00283002, start_vr, [count % 65536, first, bits]))
    words = curve.astype(np.uint8 if packed else "<u2")
    item.add_new("LUTData", vr, words.tolist() if vr == "US" else words.tobytes())
    return Sequence([item])


LUT, WINDOW = ("+Wl", "1"), ("+Wi", "1")


def depths() -> Iterator[Case]:
    """Every depth and sign, either way round, with and without a window."""
    for bits in (8, 10, 12, 14, 16):
        for signed in (False, True):
            sign = "signed" if signed else "unsigned"
            pixels = stored(bits, signed)
            for interpretation in ("MONOCHROME1", "MONOCHROME2"):
                header = {**depth(bits), "PhotometricInterpretation": interpretation}
                name = f"{bits} bits {sign} {interpretation}"
                yield Case(name, pixels, header)
                yield Case(f"{name} window", pixels, header | window(bits, signed), WINDOW)


def rescaled() -> Iterator[Case]:
    """Slope and intercept, and a window in the units they give."""
    for slope, intercept in ((2, -1000), (1.5, 20.5), (-1, 4095), (-10, 3000)):
        header = {**depth(12), "RescaleSlope": slope, "RescaleIntercept": intercept}
        name = f"slope {slope} intercept {intercept}"
        yield Case(name, stored(12), header)
        units = window(12, scale=slope, offset=intercept)
        yield Case(f"{name} window", stored(12), header | units, WINDOW)
    for slope in (0.25, -0.03):
        header = {**depth(12), "RescaleSlope": slope, "RescaleIntercept": 0}
        yield Case(
            f"slope {slope} window",
            stored(12),
            header | window(12, scale=slope),
            WINDOW,
            shown={"RescaleSlope": np.sign(slope)} | window(12, scale=np.sign(slope)),
            because="dcm2pnm rescales to whole numbers, of which a slope below 1 leaves few",
        )
    negative = {**depth(12), "RescaleSlope": -1, "RescaleIntercept": 0}
    yield Case("slope -1 of signed values", stored(12, True), negative)
    yield Case("slope 0", stored(12), {**depth(12), "RescaleSlope": 0, "RescaleIntercept": 0})
    yield Case("slope without intercept", stored(12), {**depth(12), "RescaleSlope": -1})


def windowed() -> Iterator[Case]:
    """Several windows, VOI LUT Functions, decimal commas."""
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        header = {**depth(12), **window(12), "VOILUTFunction": function}
        # dcm2pnm does not know LINEAR_EXACT and takes LINEAR, half a step off.
        yield Case(f"function {function}", stored(12), header, WINDOW)
    several = {"WindowCenter": [1500, 2500], "WindowWidth": [1000, 3000]}
    yield Case("two windows", stored(12), {**depth(12), **several}, WINDOW)
    useless = {"WindowCenter": [60000, 2500], "WindowWidth": [2, 3000]}
    because = "a window in which nothing is seen is passed over"
    second = ("+Wi", "2")
    yield Case("first useless", stored(12), {**depth(12), **useless}, second, because=because)
    alone = {"WindowCenter": 60000, "WindowWidth": 2}
    yield Case("window useless", stored(12), {**depth(12), **alone}, because=because)
    wide = {"WindowCenter": 2048, "WindowWidth": 20000}
    yield Case("window wider than the values", stored(12), {**depth(12), **wide}, WINDOW)


def looked_up() -> Iterator[Case]:
    """VOI and Modality LUTs of every depth, packed or not, from every start."""
    for keyword, options in (("VOILUTSequence", LUT), ("ModalityLUTSequence", ("+Wm",))):
        for name, lut in (
            ("16 bits", table(4096, 0, 16)),
            ("12 bits", table(4096, 0, 12)),
            ("8 bits packed", table(4096, 0, 8, packed=True)),
            ("8 bits a word each", table(4096, 0, 8)),
            ("as numbers", table(4096, 0, 16, "US")),
            ("shorter than the values", table(2000, 1000, 16)),
        ):
            yield Case(f"{keyword} {name}", stored(12), {**depth(12), keyword: lut}, options)
        for start, vr in ((-2048, "SS"), (63488, "US")):
            lut = table(4096, start, 16, start_vr=vr)
            header = {**depth(12), keyword: lut}
            yield Case(f"{keyword} from {start} {vr}", stored(12, True), header, options)
        whole = {**depth(16), keyword: table(65536, 0, 16)}
        yield Case(f"{keyword} of 65536 entries", stored(16), whole, options)
        high = {**depth(16), keyword: table(4096, -25536, 16, start_vr="SS")}
        pixels = (stored(12).astype(np.int64) + 40000).astype(np.uint16)
        yield Case(f"{keyword} from 40000 said to be -25536", pixels, high, options)
        short = table(4096, 0, 16)
        short[0].LUTData = short[0].LUTData[:6000]
        yield Case(
            f"{keyword} of fewer entries", stored(12), {**depth(12), keyword: short}, options
        )
    deep = table(4096, 0, 16)
    deep[0].LUTDescriptor = [4096, 0, 12]
    yield Case(
        "VOILUTSequence deeper than said",
        stored(12),
        {**depth(12), "VOILUTSequence": deep},
        LUT,
        shown={"VOILUTSequence": table(4096, 0, 16)},
        because="DCMTK cuts the entries' bits off, which leaves stripes: they are believed instead",
    )
    rescaled_then = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    both = {**depth(12), **rescaled_then, "VOILUTSequence": table(4096, 0, 16)}
    yield Case("VOI LUT after a slope of -1", stored(12), both, LUT)


def shapes() -> Iterator[Case]:
    """Presentation LUT Shape, which may contradict the photometric interpretation."""
    for interpretation in ("MONOCHROME1", "MONOCHROME2"):
        for shape in ("IDENTITY", "INVERSE"):
            header = {
                **depth(12),
                "PhotometricInterpretation": interpretation,
                "PresentationLUTShape": shape,
            }
            yield Case(f"{interpretation} {shape}", stored(12), header | window(12), WINDOW)


def bits_elsewhere() -> Iterator[Case]:
    """High Bit, bits above those stored, padding."""
    upper = stored(12) << np.uint16(4)
    yield Case("in the upper bits", upper, {"BitsStored": 12, "HighBit": 15})
    beyond = stored(12)
    yield Case("more bits than stored", beyond, depth(10) | window(10), WINDOW)
    padded = stored(12)
    padded[:, :10] = 4095
    dark = stored(12)
    dark[:, :10] = 0
    yield Case(
        "padding",
        padded,
        {**depth(12), **window(12), "PixelPaddingValue": 4095},
        WINDOW,
        shown={"PixelData": dark.tobytes()},
        because="padding is no tissue: as dark as air, whatever its value",
    )


def coloured() -> Iterator[Case]:
    """Palettes and colours, which dcm2pnm is told to turn to gray."""
    for bits, count in ((8, 256), (16, 256), (16, 4096), (8, 4096)):
        ramps = (np.linspace(0, 1, count) ** g * (2**bits - 1) for g in (1, 1.3, 0.8))
        header: Header = {"PhotometricInterpretation": "PALETTE COLOR"}
        for colour, ramp in zip(("Red", "Green", "Blue"), ramps, strict=True):
            data = np.rint(ramp).astype(np.uint8 if bits == 8 else "<u2").tobytes()
            header[f"{colour}PaletteColorLookupTableDescriptor"] = [count, 0, bits]
            header[f"{colour}PaletteColorLookupTableData"] = data
        pixels = stored(8 if count == 256 else 12)
        header |= depth(8 if count == 256 else 12)
        yield Case(f"palette of {count} entries, {bits} bits", pixels, header, ("+G",))
    gray = stored(8)
    rgb = np.stack([gray, gray[::-1], gray[:, ::-1]], axis=-1)
    yield Case("RGB", rgb, {}, ("+G",))
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    by_plane = {"PlanarConfiguration": 1, "PixelData": planes.tobytes()}
    yield Case("RGB by plane", rgb, by_plane, ("+G",))
    ybr = convert_color_space(rgb, "RGB", "YBR_FULL")
    yield Case("YBR_FULL", ybr, {"PhotometricInterpretation": "YBR_FULL"}, ("+G",))


def compressed() -> Iterator[Case]:
    """In every way that DCMTK compresses, and in every way it stores."""
    for bits, coder in (
        (12, ("dcmcrle",)),
        (8, ("dcmcrle",)),
        (16, ("dcmcjpeg", "+e1")),
        (12, ("dcmcjpeg", "+e1")),
        (12, ("dcmcjpeg", "+el")),
        (12, ("dcmcjpls",)),
        (12, ("dcmcjpls", "+en")),
        (8, ("dcmcjpeg", "+eb")),
        (8, ("dcmcjpeg", "+ee")),
    ):
        for signed in (False, True):
            if signed and {"+eb", "+ee", "+en"} & set(coder):
                continue  # DCMTK moves the values, or refuses
            header = (
                depth(bits) | window(bits, signed) | {"PhotometricInterpretation": "MONOCHROME1"}
            )
            name = f"{' '.join(coder)} {bits} bits {'signed' if signed else 'unsigned'}"
            yield Case(name, stored(bits, signed), header, WINDOW, coder=coder)
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        header = depth(12) | window(12)
        yield Case(syntax.name, stored(12), header, WINDOW, syntax)
        lut = depth(12) | {"VOILUTSequence": table(4096, 0, 16, "US")}
        yield Case(f"{syntax.name} VOI LUT", stored(12), lut, LUT, syntax)
    for signed in (False, True):
        header = depth(12) | window(12, signed)
        name = f"JPEG 2000 {'signed' if signed else 'unsigned'}"
        because = "dcm2pnm cannot read JPEG 2000: held to the same pixels uncompressed"
        yield Case(name, stored(12, signed), header, WINDOW, JPEG2000Lossless, because=because)


CASES = [
    case
    for part in (
        depths, rescaled, windowed, looked_up, shapes, bits_elsewhere, coloured, compressed,
    )
    for case in part()
]  # fmt: skip


def dataset_of(case: Case, header: Header) -> Dataset:
    """As files come: unchecked values, and no library's corrections."""
    native = ExplicitVRLittleEndian if case.syntax == JPEG2000Lossless else case.syntax
    return instance(case.pixels, native, **header)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def picture(dataset: Dataset, options: tuple[str, ...], folder: Path) -> NDArray[np.float64]:
    file, png = folder / "shown.dcm", folder / "shown.png"
    file.write_bytes(part10(dataset))
    run(DCM2PNM, "--write-16-bit-png", *options, str(file), str(png))
    return np.asarray(Image.open(png), np.float64)


def ours(case: Case, folder: Path) -> NDArray[np.float32]:
    dataset = dataset_of(case, case.header)
    if case.syntax == JPEG2000Lossless:
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    content = part10(dataset)
    if case.coder:
        plain, coded = folder / "plain.dcm", folder / "coded.dcm"
        plain.write_bytes(content)
        program, *options = case.coder
        run(f"/usr/bin/{program}", *options, str(plain), str(coded))
        content = coded.read_bytes()
        assert dcmread(coded).file_meta.TransferSyntaxUID.is_encapsulated
    return read_radiograph(content).pixels


def test_the_table_is_long_enough_and_names_nothing_twice() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_picture_is_the_one_dcmtk_shows(case: Case, tmp_path: Path) -> None:
    if shutil.which(DCM2PNM) is None:
        missing(f"{DCM2PNM} is not installed (Debian: dcmtk)")
    theirs = picture(dataset_of(case, case.header | case.shown), case.options, tmp_path)
    pixels = ours(case, tmp_path)
    assert theirs.std() > 0
    assert np.corrcoef(pixels.ravel(), theirs.ravel())[0, 1] >= LEAST_CORRELATION
