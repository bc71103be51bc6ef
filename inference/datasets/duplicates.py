"""Near-duplicates: the same radiograph twice, or a patient's next one, must not be on both sides.

Two images are near-duplicates where thumbnails of 32 x 32 correlate by more than 0.95. Measured on
the 4660 images of COVID-QU-Ex Train and Val, looking at pairs: above 0.97 nearly all are one
radiograph twice (68 pairs, 16 of them straddle Train and Val), at 0.96 half are, at 0.95 one in
six, below that chests merely look alike. 0.95 gives 170 pairs (41 straddle); Train falls into 3620
clusters of at most 6 images. At 0.93 clusters begin to run together (181 images in one).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch.nn.functional import adaptive_avg_pool2d, normalize

THUMBNAIL = 32
MIN_CORRELATION = 0.95

_ROWS_AT_ONCE = 2048


def clusters(images: torch.Tensor) -> NDArray[np.intp]:
    """The number of the cluster of each of (n, size, size) uint8 images."""
    thumbnails = _thumbnails(images)
    count = len(thumbnails)
    pairs = []
    for start in range(0, count, _ROWS_AT_ONCE):
        alike = thumbnails[start : start + _ROWS_AT_ONCE] @ thumbnails.T > MIN_CORRELATION
        pairs.append(alike.nonzero() + torch.tensor([start, 0]))
    first, second = torch.cat(pairs).numpy().T
    graph = coo_matrix((np.ones(len(first), np.bool_), (first, second)), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def near(images: torch.Tensor, others: torch.Tensor) -> NDArray[np.bool_]:
    """Whether each of `images` is a near-duplicate of any of `others`, (n, size, size) uint8."""
    likeness = _thumbnails(images) @ _thumbnails(others).T
    return np.asarray((likeness > MIN_CORRELATION).any(dim=1))


def folds(cluster: NDArray[np.intp], count: int, seed: int) -> NDArray[np.intp]:
    """The fold, 0 to `count` - 1, of each image: about equal in size, no cluster in two."""
    shuffled = np.random.default_rng(seed).permutation(cluster.max() + 1)
    rank = shuffled[cluster]
    sizes = np.bincount(rank)
    before = np.cumsum(sizes) - sizes
    return np.asarray(before[rank] * count // len(cluster), np.intp)


def _thumbnails(images: torch.Tensor) -> torch.Tensor:
    """(n, 1024), each of mean 0 and length 1, so that a product of two is their correlation."""
    blocks = [
        images[start : start + _ROWS_AT_ONCE] for start in range(0, len(images), _ROWS_AT_ONCE)
    ]
    small = torch.cat([adaptive_avg_pool2d(block.float(), THUMBNAIL) for block in blocks]).flatten(
        1
    )
    small -= small.mean(dim=1, keepdim=True)
    # A blank image is like no other: its thumbnail stays zero.
    return normalize(small)
