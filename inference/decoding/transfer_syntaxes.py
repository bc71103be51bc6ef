"""Which transfer syntaxes (PS3.5 Annex A) this installation reads, and with which libraries; told
without loading one.

Several read the same codec at very different speeds, and each fails on some file that another
reads. Whoever accepts images for analysis asks here, so that a sender that could have sent another
syntax is not told Success for what cannot be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
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
    JPEGLSNearLossless,
    RLELossless,
)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One library, as pydicom knows it."""

    name: str  #: pydicom's `decoding_plugin`
    module: str  #: what is imported: installed or not
    only_8_bits: bool = False  #: fails on samples of more


_GDCM = Plugin("gdcm", "gdcm")
_PILLOW = Plugin("pillow", "PIL")
_CHARLS = Plugin("pyjpegls", "jpeg_ls")
_LIBJPEG, _OPENJPEG, _RLE = (Plugin("pylibjpeg", name) for name in ("libjpeg", "openjpeg", "rle"))
_PYDICOM = Plugin("pydicom", "pydicom")
_GDCM_8, _PILLOW_8 = (Plugin(one.name, one.module, True) for one in (_GDCM, _PILLOW))

#: Need no plugin.
_NATIVE = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
#: Fastest first; milliseconds for one 2544 x 3056 image (16 bit, baseline 8 bit) on one AVX2 core.
PLUGINS: Mapping[UID, tuple[Plugin, ...]] = MappingProxyType(
    {
        RLELossless: (_RLE, _GDCM, _PYDICOM),  # 20
        JPEGLosslessSV1: (_GDCM, _LIBJPEG),
        JPEGLossless: (_GDCM, _LIBJPEG),  # 203, 303
        JPEGLSLossless: (_CHARLS, _GDCM, _LIBJPEG),  # 156, 229, 556
        JPEGLSNearLossless: (_CHARLS, _GDCM, _LIBJPEG),
        JPEG2000Lossless: (_OPENJPEG, _PILLOW, _GDCM),  # 769, 828, 973
        JPEG2000: (_OPENJPEG, _PILLOW, _GDCM),
        HTJ2KLossless: (_OPENJPEG,),
        HTJ2KLosslessRPCL: (_OPENJPEG,),
        HTJ2K: (_OPENJPEG,),
        JPEGBaseline8Bit: (_PILLOW, _LIBJPEG, _GDCM),  # 15, 73, 138
        JPEGExtended12Bit: (_PILLOW_8, _GDCM_8, _LIBJPEG),  # 12 bit: 202
    }
)


def decodable() -> tuple[UID, ...]:
    """Those whose pixels can be read here, native ones first.

    In any depth the syntax has: how many bits there are an association does not say.
    """
    compressed = (
        syntax
        for syntax, plugins in PLUGINS.items()
        if any(find_spec(plugin.module) for plugin in plugins if not plugin.only_8_bits)
    )
    return (*_NATIVE, *compressed)
