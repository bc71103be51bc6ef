"""A set made small enough to carry to a borrowed machine: the same folders, WebP and 1-bit masks.

Everything is on the networks' upright square, so nothing is lost that they would have seen but what
the WebP quality costs; that is as high as the limit allows.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference.datasets.cases import IMAGES, MASKS, POSITIVE_CLASS, Case, DatasetError
from inference.decode import read_radiograph
from inference.resize import fit

#: From the best to what still shows what there is to learn.
QUALITIES = (95, 90, 85, 80, 75, 70, 60, 50)
#: Of so many images, evenly spread, the size of all is estimated.
SAMPLE = 100
#: What a file costs beyond its bytes, in an archive.
_OVERHEAD = 512


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written."""

    quality: int  #: of the WebP images
    files: int
    bytes: int


def pack(
    sets: Mapping[str, Sequence[Case]],
    out: Path,
    size: int,
    limit_bytes: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = lambda steps: steps,
) -> Packed:
    """Write each set of cases to OUT/<its name>, all together below `limit_bytes`.

    Raises DatasetError where they do not fit even at the least quality.
    """
    quality = _quality(sets, size, limit_bytes)
    files = written = 0
    named = [(out / name, case) for name, cases in sets.items() for case in cases]
    for number in progress(range(len(named))):
        folder, case = named[number]
        for path, content in _files(case, size, quality):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            files, written = files + 1, written + len(content)
    return Packed(quality, files, written)


def _quality(sets: Mapping[str, Sequence[Case]], size: int, limit_bytes: int) -> int:
    """The greatest that fits, by the sizes of a sample."""
    cases = [case for those in sets.values() for case in those]
    sample = cases[:: max(1, len(cases) // SAMPLE)]
    for quality in QUALITIES:
        contents = (content for case in sample for _, content in _files(case, size, quality))
        expected = sum(len(content) + _OVERHEAD for content in contents)
        if expected * len(cases) / len(sample) <= limit_bytes:
            return quality
    raise DatasetError(f"{len(cases)} images do not fit into {limit_bytes} bytes: pack fewer")


def _files(case: Case, size: int, quality: int) -> Iterator[tuple[Path, bytes]]:
    """Each file of a case, by its path below the set's folder."""
    radiograph = read_radiograph(case.source())
    image = fit(radiograph.pixels, radiograph.orientation, size)
    label, _, stem = case.name.rpartition("/")
    folder = Path(label or (POSITIVE_CLASS if case.is_covid else "Non-COVID"))
    gray = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    yield folder / IMAGES / f"{stem}.webp", _encoded(gray, format="WEBP", quality=quality)
    for task, name in MASKS.items():
        mask = case.mask(task)
        if mask is not None:
            inside = fit(mask.astype(np.float32), radiograph.orientation, size) > 0.5
            bits = Image.fromarray(inside)
            yield folder / name / f"{stem}.png", _encoded(bits, format="PNG", optimize=True)


def _encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
