"""Every transfer syntax that is promised is read, from pixels encoded here."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from inference.decode import read_radiograph
from inference.decoding.transfer_syntaxes import PLUGINS, decodable
from tests.inference.decoding.htj2k import HTJ2K_FRAME, htj2k_pixels
from tests.inference.instances import (
    compressed,
    instance,
    jpeg,
    jpeg_lossless,
    part10,
    smooth,
    twelve_bit,
)

NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
WRITTEN_BY_PYDICOM = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def pixels_of(source: bytes | Dataset) -> NDArray[np.float32]:
    return read_radiograph(source).pixels


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.name)
def test_uncompressed_pixels_are_read_exactly(syntax: UID) -> None:
    pixels = pixels_of(part10(twelve_bit(syntax)))
    np.testing.assert_array_equal(pixels, pixels_of(twelve_bit()))


@pytest.mark.parametrize("syntax", WRITTEN_BY_PYDICOM, ids=lambda uid: uid.name)
def test_lossless_compression_is_read_exactly(syntax: UID) -> None:
    pixels = pixels_of(part10(compressed(syntax)))
    np.testing.assert_array_equal(pixels, pixels_of(twelve_bit()))


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1], ids=lambda uid: uid.name)
def test_jpeg_lossless_is_read_exactly(syntax: UID, tmp_path: Path) -> None:
    pixels = pixels_of(jpeg_lossless(syntax, tmp_path))
    np.testing.assert_array_equal(pixels, pixels_of(twelve_bit()))


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit], ids=lambda uid: uid.name)
def test_eight_bit_jpeg_is_read_nearly_exactly(syntax: UID) -> None:
    expected = (smooth() >> 4).astype(np.float32) / 255
    np.testing.assert_allclose(pixels_of(part10(jpeg(syntax))), expected, atol=0.015)


@pytest.mark.parametrize("syntax", [HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL], ids=lambda u: u.name)
def test_high_throughput_jpeg_2000_is_read_exactly(syntax: UID) -> None:
    plain = instance(htj2k_pixels(), BitsStored=12, HighBit=11)
    frame = encapsulate([HTJ2K_FRAME])
    htj2k = instance(htj2k_pixels(), syntax, BitsStored=12, HighBit=11, PixelData=frame)
    np.testing.assert_array_equal(pixels_of(part10(htj2k)), pixels_of(plain))


@pytest.mark.parametrize("syntax", PLUGINS, ids=lambda uid: uid.name)
def test_every_compressed_syntax_has_a_decoder_installed(syntax: UID) -> None:
    names = {plugin.name for plugin in PLUGINS[syntax]}
    assert names & set(get_decoder(syntax).available_plugins)


@pytest.mark.parametrize("padding", [b"\xff", b"\0", b"\0" * 7], ids=repr)
def test_padding_behind_a_codestream_is_no_fault(padding: bytes) -> None:
    # The JPEG-LS file among the real ones ends in FF D9 FF.
    dataset = compressed(JPEGLSLossless)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1).rstrip(b"\0")
    dataset.PixelData = encapsulate([frame + padding])
    np.testing.assert_array_equal(pixels_of(part10(dataset)), pixels_of(twelve_bit()))


def test_signed_pixels_keep_their_order_in_every_lossless_syntax() -> None:
    signed = smooth().astype(np.int16) - 2000
    plain = instance(signed, BitsStored=12, HighBit=11)
    for syntax in WRITTEN_BY_PYDICOM:
        dataset = instance(signed, BitsStored=12, HighBit=11)
        dataset.compress(syntax, generate_instance_uid=False)
        np.testing.assert_array_equal(pixels_of(part10(dataset)), pixels_of(plain))


def test_what_can_be_decoded_is_told_without_a_decoder_as_the_decoders_tell_it() -> None:
    compressed = {
        syntax
        for syntax, plugins in PLUGINS.items()
        if {p.name for p in plugins} & set(get_decoder(syntax).available_plugins)
    }
    # pydicom counts what reads it up to 8 bits only.
    if find_spec("libjpeg") is None:
        compressed.remove(JPEGExtended12Bit)
    assert set(decodable()) == compressed | set(NATIVE)


def test_an_installation_without_decoders_says_so() -> None:
    """In a Python that finds none of them, as one without the libraries would."""
    script = """
import importlib.util, sys
found = importlib.util.find_spec
absent = ("gdcm", "libjpeg", "jpeg_ls", "openjpeg", "PIL")
importlib.util.find_spec = lambda name, *rest: None if name in absent else found(name, *rest)
from inference.decoding.transfer_syntaxes import decodable
assert "torch" not in sys.modules
print(*decodable())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {*NATIVE, RLELossless}
