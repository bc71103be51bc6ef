"""What a decoder would fill in or invent is refused, in every codec: cut short, with and without an
end marker, with a tail of zeros, and with one byte damaged.

A damaged byte that no decoder can notice changes the picture by no more than MAX_UNNOTICED. Not
held to that are JPEG's tables, a few hundred bytes before the scan, and JPEG 2000's header and
coarsest band, which both come first: what is damaged there changes the whole picture, and neither
codec has anything to notice it by.
"""

import copy
import shutil
import subprocess
from collections.abc import Callable
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from inference.analyze import analyze
from inference.decode import UndecodableImage, read_radiograph
from inference.decoding.codestream import EOI
from inference.decoding.jpeg_steps import has_step
from inference.engines import Engine
from inference.findings import Caution, Decision
from tests.conftest import missing
from tests.inference.conftest import gray_png
from tests.inference.decoding.htj2k import HTJ2K_FRAME, htj2k_pixels
from tests.inference.instances import instance, jpeg_lossless_of, part10
from tests.phantoms import draw

pytestmark = pytest.mark.slow

END = bytes([0xFF, EOI])
#: Greatest mean difference of gray, 0..1, that an unnoticed byte makes. Of forty: RLE, most
#: predictors of JPEG lossless, JPEG-LS below 0.0003; JPEG 2000 0.003; predictor 4 0.021; baseline
#: 0.050.
MAX_UNNOTICED = 0.06
#: Bytes of the JPEG 2000 header and of the coarsest bands, at 512 x 426.
COARSEST = 3000


@cache
def chest(bits: int = 12) -> Dataset:
    """Drawn, and large enough for its codestreams to be as real ones."""
    return as_dicom(draw(Kind.HEALTHY, rows=512, columns=426, seed=5), bits_stored=bits)


def dcmtk(program: str, *options: str, bits: int = 12) -> Dataset:
    if shutil.which(f"/usr/bin/{program}") is None:
        missing(f"/usr/bin/{program} is not installed (Debian: dcmtk)")
    with TemporaryDirectory() as folder:
        plain, coded = Path(folder, "plain.dcm"), Path(folder, "coded.dcm")
        plain.write_bytes(part10(chest(bits)))
        command = [f"/usr/bin/{program}", *options, str(plain), str(coded)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return dcmread(BytesIO(coded.read_bytes()))


def drawn(syntax: str) -> Dataset:
    image = draw(Kind.HEALTHY, rows=512, columns=426, seed=5)
    return as_dicom(image, transfer_syntax=syntax)


def pillow(**options: object) -> Dataset:
    file = BytesIO()
    pixels = np.frombuffer(chest(8).PixelData, np.uint8).reshape(512, 426)
    Image.fromarray(pixels).save(file, "JPEG", quality=90, **options)
    return instance(pixels, JPEGBaseline8Bit, PixelData=encapsulate([file.getvalue()]))


def htj2k() -> Dataset:
    frame = encapsulate([HTJ2K_FRAME])
    return instance(htj2k_pixels(), HTJ2KLossless, BitsStored=12, HighBit=11, PixelData=frame)


CODECS: dict[str, Callable[[], Dataset]] = {
    "RLE by pydicom": lambda: drawn(RLELossless),
    "RLE by DCMTK": lambda: dcmtk("dcmcrle"),
    "RLE of 8 bits": lambda: dcmtk("dcmcrle", bits=8),
    "JPEG baseline by DCMTK": lambda: dcmtk("dcmcjpeg", "+eb", bits=8),
    "JPEG baseline by Pillow": pillow,
    "JPEG extended": lambda: dcmtk("dcmcjpeg", "+ee", bits=8),
    "JPEG lossless SV1 by DCMTK": lambda: dcmtk("dcmcjpeg", "+e1"),
    "JPEG lossless SV1 of 8 bits": lambda: dcmtk("dcmcjpeg", "+e1", bits=8),
    "JPEG lossless SV1 by GDCM": lambda: jpeg_lossless_of(chest(), JPEGLosslessSV1),
    "JPEG lossless by GDCM": lambda: jpeg_lossless_of(chest(), JPEGLossless),
    "JPEG lossless, shifted": lambda: dcmtk("dcmcjpeg", "+el", "+sv", "1", "+pt", "2"),
    **{
        f"JPEG lossless, predictor {n}": partial(dcmtk, "dcmcjpeg", "+el", "+sv", str(n))
        for n in range(2, 8)
    },
    "JPEG-LS by CharLS": lambda: drawn(JPEGLSLossless),
    "JPEG-LS by DCMTK": lambda: dcmtk("dcmcjpls"),
    "JPEG-LS near-lossless": lambda: drawn(JPEGLSNearLossless),
    "JPEG 2000 lossless": lambda: drawn(JPEG2000Lossless),
    "JPEG 2000": lambda: drawn(JPEG2000),
    "HTJ2K": htj2k,
}


@cache
def coded(codec: str) -> Dataset:
    return CODECS[codec]()


@cache
def whole(codec: str) -> NDArray[np.float32]:
    return read_radiograph(coded(codec)).pixels


def frame_of(codec: str) -> bytes:
    """Without the padding, and without the end marker."""
    frame = get_frame(coded(codec).PixelData, 0, number_of_frames=1)
    end = frame.rfind(END)
    return frame if codec.startswith("RLE") else frame[:end]


def with_frame(codec: str, frame: bytes) -> bytes:
    dataset = copy.deepcopy(coded(codec))
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    dataset["PixelData"].VR = "OB"
    return part10(dataset)


def refusal(content: bytes) -> str:
    with pytest.raises(UndecodableImage) as caught:
        read_radiograph(content)
    return str(caught.value)


@pytest.mark.parametrize("codec", CODECS)
def test_whole_pixels_are_read(codec: str) -> None:
    assert whole(codec).std() > 0.1


@pytest.mark.parametrize("ending", [b"", END], ids=["without end marker", "with end marker"])
@pytest.mark.parametrize("percent", [10, 50, 90])
@pytest.mark.parametrize("codec", CODECS)
def test_what_is_cut_short_is_refused_and_says_so(codec: str, percent: int, ending: bytes) -> None:
    frame = frame_of(codec)
    message = refusal(with_frame(codec, frame[: len(frame) * percent // 100] + ending))
    assert "cut short" in message or "damaged" in message
    assert "send it again from where it is whole" in message or "they are damaged" in message


@pytest.mark.parametrize("percent", [10, 33, 50, 90])
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "HTJ2K"])
def test_a_tail_of_zeros_is_refused(codec: str, percent: int) -> None:
    frame = frame_of(codec)
    kept = len(frame) * percent // 100
    message = refusal(with_frame(codec, frame[:kept] + bytes(len(frame) - kept) + END))
    assert "cut short" in message or "damaged" in message


def begin_of_data(codec: str, frame: bytes) -> int:
    if codec.startswith("JPEG 2000"):
        return COARSEST
    return max(0, frame.find(b"\xff\xda")) if "baseline" in codec or "extended" in codec else 0


# The one of HTJ2K is no larger than its coarsest band.
@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "HTJ2K"])
def test_a_damaged_byte_is_refused_or_changes_little(codec: str) -> None:
    frame = frame_of(codec)
    random = np.random.default_rng(7)
    worst = 0.0
    for at in random.integers(begin_of_data(codec, frame), len(frame), 40):
        damaged = bytearray(frame if codec.startswith("RLE") else frame + END)
        damaged[at] ^= int(random.integers(1, 256))
        try:
            pixels = read_radiograph(with_frame(codec, bytes(damaged))).pixels
        except UndecodableImage:
            continue
        worst = max(worst, float(np.abs(pixels - whole(codec)).mean()))
    assert worst <= MAX_UNNOTICED


def test_jpeg_that_goes_on_brighter_is_refused() -> None:
    """As after a damaged difference of block means, which is no fault to a decoder."""
    frame = bytearray(frame_of("JPEG baseline by DCMTK") + END)
    pixels = np.rint(whole("JPEG baseline by DCMTK") * 255).astype(np.uint8)
    assert not has_step(pixels)
    shifted = pixels.copy().reshape(64, 8, -1)
    shifted[30:] = np.clip(shifted[30:].astype(int) + 12, 0, 255)
    assert has_step(shifted.reshape(pixels.shape))
    assert read_radiograph(with_frame("JPEG baseline by DCMTK", bytes(frame))).pixels.std() > 0.1


def test_whole_radiographs_written_as_jpeg_break_off_nowhere(shared_data: Path) -> None:
    """Of 1000 of Train, enlarged to 1024 x 1024, none; of 1500 as they are, 256 x 256, three."""
    found = 0
    images = sorted((shared_data / "covid-qu-ex" / "Val").glob("*/images/*.png"))[::20]
    for path in images:
        file = BytesIO()
        Image.fromarray(gray_png(path)).save(file, "JPEG", quality=90)
        found += has_step(np.asarray(Image.open(file)))
    assert found <= 1


@pytest.mark.parametrize("syntax", ["native", "deflated"])
@pytest.mark.parametrize("percent", [10, 50, 90])
def test_a_file_cut_short_is_refused(syntax: str, percent: int) -> None:
    dataset = chest() if syntax == "native" else drawn(DeflatedExplicitVRLittleEndian)
    content = part10(dataset)
    refusal(content[: len(content) * percent // 100])


@pytest.mark.parametrize("filler", [0, 255], ids=["zeros", "ones"])
@pytest.mark.parametrize("percent", [10, 35, 50, 65])
def test_native_pixels_filled_up_from_within_the_chest_give_no_decision(
    percent: int, filler: int, engine: Engine
) -> None:
    dataset = copy.deepcopy(chest())
    kept = len(dataset.PixelData) * percent // 100
    rest = bytes([filler]) * (len(dataset.PixelData) - kept)
    dataset.PixelData = dataset.PixelData[:kept] + rest
    findings = analyze(part10(dataset), engine).findings
    assert findings.decision is Decision.UNDETERMINED
    assert Caution.PART_MISSING in findings.cautions or "lung" in findings.reason


def test_rows_lost_in_the_middle_of_the_chest_give_no_decision(engine: Engine) -> None:
    dataset = copy.deepcopy(chest())
    pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(512, 426).copy()
    pixels[200:240] = 0
    dataset.PixelData = pixels.tobytes()
    findings = analyze(dataset, engine).findings
    assert findings.decision is Decision.UNDETERMINED
    assert findings.reason == Caution.PART_MISSING.text


def test_a_border_of_one_value_is_no_missing_part(engine: Engine) -> None:
    pixels = np.frombuffer(chest().PixelData, "<u2").reshape(512, 426).copy()
    bordered = np.pad(pixels, ((60, 120), (20, 20)))
    findings = analyze(instance(bordered, BitsStored=12, HighBit=11), engine).findings
    assert Caution.PART_MISSING not in findings.cautions
    assert min(findings.left.lung_pixels, findings.right.lung_pixels) > 0
