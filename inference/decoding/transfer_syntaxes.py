"""Which transfer syntaxes (PS3.5 Annex A) this installation reads, told without loading a decoder.

Whoever accepts images for analysis asks here, so that a sender that could have sent another one is
not told Success for what cannot be read.
"""

from collections.abc import Mapping
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

#: Need no library; pydicom reads RLE by itself.
_ALWAYS = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
)
#: The modules of which one must be there: those of the plugins that `decoders` tries.
_DECODED_BY: Mapping[UID, tuple[str, ...]] = MappingProxyType(
    {
        JPEGLosslessSV1: ("gdcm", "libjpeg"),
        JPEGLossless: ("gdcm", "libjpeg"),
        JPEGLSLossless: ("jpeg_ls", "gdcm", "libjpeg"),
        JPEGLSNearLossless: ("jpeg_ls", "gdcm", "libjpeg"),
        JPEG2000Lossless: ("openjpeg", "PIL", "gdcm"),
        JPEG2000: ("openjpeg", "PIL", "gdcm"),
        HTJ2KLossless: ("openjpeg",),
        HTJ2KLosslessRPCL: ("openjpeg",),
        HTJ2K: ("openjpeg",),
        JPEGBaseline8Bit: ("PIL", "libjpeg", "gdcm"),
        # Others read it up to 8 bits, and how many there are an association does not say.
        JPEGExtended12Bit: ("libjpeg",),
    }
)


def decodable() -> tuple[UID, ...]:
    """Those whose pixels can be read here, native ones first."""
    compressed = (
        syntax
        for syntax, modules in _DECODED_BY.items()
        if any(find_spec(module) is not None for module in modules)
    )
    return (*_ALWAYS, *compressed)
