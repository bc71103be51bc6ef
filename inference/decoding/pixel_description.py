"""What the header says of the pixels (PS3.3 C.7.6.3): refused where it is no single image."""

from pydicom import Dataset
from pydicom.pixels.utils import get_expected_length

from inference.header import MAX_PIXELS, numbers_of, value_of

_REQUIRED = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "PixelRepresentation",
)  # fmt: skip


class UndecodableImage(ValueError):
    """The pixels cannot be read: which SOP Instance, what is wrong, what to do."""


def undecodable(dataset: Dataset, what: str) -> UndecodableImage:
    meta = getattr(dataset, "file_meta", None)
    # Of a file that is cut short pydicom may give the meta information alone.
    uid = value_of(dataset, "SOPInstanceUID") or (
        value_of(meta, "MediaStorageSOPInstanceUID") if meta is not None else None
    )
    return UndecodableImage(f"instance {uid or 'without UID'}: {what}")


def refuse_what_is_no_single_image(dataset: Dataset) -> None:
    """Raises UndecodableImage, and looks at nothing of the pixels."""
    if not len(dataset):
        raise undecodable(dataset, "the file ends within its header: send it again")
    if "PixelData" not in dataset:
        raise undecodable(
            dataset, "there is no Pixel Data: the file is cut short, or was never an image"
        )
    # Under a VR that is no pixels' they are read as text, as numbers, or not at all.
    if not isinstance(value_of(dataset, "PixelData"), bytes):
        raise undecodable(
            dataset, "the Pixel Data is not said to be bytes (OB or OW), which the sender must mend"
        )
    absent = [keyword for keyword in _REQUIRED if value_of(dataset, keyword) is None]
    if absent:
        raise undecodable(
            dataset, f"without {', '.join(absent)} the pixels cannot be read: the sender must say"
        )
    _refuse_size(dataset)
    _refuse_frames(dataset)
    _refuse_bits(dataset)


def refuse_another_length(dataset: Dataset) -> None:
    """Native pixels of another number than Rows x Columns; raises UndecodableImage."""
    try:
        expected = get_expected_length(dataset)
    except Exception as exc:
        # A photometric interpretation or sample count that pydicom does not know.
        raise undecodable(
            dataset, f"how long the pixels should be is not clear ({exc}): the header is wrong"
        ) from exc
    length = len(dataset.PixelData)
    # A little behind the pixels is padding, which some writers are generous with; a row is not.
    row = max(2, expected // _whole(dataset, "Rows"))
    if length < expected:
        raise undecodable(
            dataset,
            f"the pixels are {length} bytes, Rows x Columns need {expected}: they are cut short; "
            "send it again from where it is whole",
        )
    if length >= expected + row:
        raise undecodable(
            dataset,
            f"the pixels are {length} bytes, Rows x Columns need {expected}: "
            "one of them is wrong, at the source",
        )


def _refuse_size(dataset: Dataset) -> None:
    _whole(dataset, "SamplesPerPixel")
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    if rows < 1 or columns < 1:
        raise undecodable(dataset, f"Rows x Columns is {rows} x {columns}: there is no image")
    # From the header, before anything of that size is allocated.
    if rows * columns > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise undecodable(dataset, f"{rows} x {columns} is more than {limit} megapixels: refused")


def _refuse_frames(dataset: Dataset) -> None:
    written = value_of(dataset, "NumberOfFrames")
    # "01" and "+1" are 1 (IS, PS3.5 6.2); absent, empty and 0 mean that there are no others.
    if written is not None and numbers_of(dataset, "NumberOfFrames") not in ((0,), (1,)):
        raise undecodable(
            dataset,
            f"{written} frames: only single images are read; send each frame as an image",
        )


def _refuse_bits(dataset: Dataset) -> None:
    allocated, stored = dataset.BitsAllocated, _whole(dataset, "BitsStored")
    if allocated not in (8, 16):
        raise undecodable(dataset, f"Bits Allocated is {allocated}: only 8 and 16 are read")
    if not 1 <= stored <= allocated:
        raise undecodable(dataset, f"{stored} bits stored do not fit {allocated} allocated")


def _whole(dataset: Dataset, keyword: str) -> int:
    value = value_of(dataset, keyword)
    if not isinstance(value, int):
        raise undecodable(dataset, f"{keyword} is {value!r}, not a whole number")
    return value
