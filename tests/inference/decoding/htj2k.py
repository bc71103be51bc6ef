"""A codestream of High-Throughput JPEG 2000, which no library here writes, and its pixels.

24 x 32, 12 bit, reversible, written by OpenJPH 0.26.3.
"""

import base64

import numpy as np
from numpy.typing import NDArray

HTJ2K_FRAME = base64.b64decode(
    """
/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB
/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAkoAAf+TwAAm0+0FB3QA
wAASwAATQAATAOMAh3QAkPoDB3QAbvgDB3QAwAAVUAAE8AAE4JWY3AT/dwDDlABfAeAAojQAAyrpAKI0AMAAFqwAAWtA
ABa4DqZEpRmVZtIIUQADtuAfuYhAC5cADKH/HkeevYeVBqUlPfEAl7/EEAOYABiGfnz28ZmNKiDYZx8m/AFPcxCAupgA
wAAXdQAAXdwAAXbAu6jYIbhDcFGxmM00VqHywgEEHEAAKi80VmdnNVgAqpAcQMcBdKAKSYMFZpnlAAKgkiigCBNEESfd
AFuo0ICaihcaQLVQsdDRYZBBDjiggAIOOGBg0NHBsIBhBT1UIi+SgIqoCvoFDAY8LeN0QChGBDgRJ94A74XW6pBGHdK8
0Nq74w5ppKGAAgookEaaO+54rYUhTTvStNNaGO8ACIXyCAUbgChwP0GEJ9ABwAAvVIAAXr0AALtAz+PGLTg4GBzsFuz2
PDEiAypQxUjG8whOhuBkPE+MbkAVHBgMVXAxuvE8LhjsPs/5DYpwRAJxiCAXWpwQBKIRm1OY++pxB5C+pwxAR4xDAX/Q
gnUCbtyCxwgqZBQcGWNA5SY4FxwcDAYHg8FuwW6gEiMyBCcDaozgbly7bdt27Nhhhx122GGHbbft/NtACPuWWWUwQgey
wgsWD7PlzyEIxAogLECxCsOBEZCgM95RgF/YAsABjqiCBQNHFHCCBQsWDByiAkewYKKAA878mYjAASB8pBR+wgKQLhBW
IHYUgEcchQN/2wH/2Q==
    """
)


def htj2k_pixels() -> NDArray[np.uint16]:
    """What HTJ2K_FRAME was made of."""
    y, x = np.mgrid[0:24, 0:32]
    disc = (y - 12) ** 2 + (x - 16) ** 2 < 60
    return np.asarray(2000 + 60 * y - 40 * x + 900 * disc, np.uint16)
