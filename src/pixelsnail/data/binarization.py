"""Grey levels to bits. Binarisation is part of the question: nats of differently binarised images do not compare."""

import numpy as np

from pixelsnail.data.store import Array

MODES = ("dynamic", "threshold", "none")

FIXED = 160_106_759
"""The seed for validation and test images, whatever the seed of training is."""


def threshold(grey: Array) -> Array:
    """1 where a level of 0 ... 255 is 128 or more."""
    return (grey >= 128).astype(np.uint8)


def dynamic(grey: Array, numbers: Array, seed: int, epoch: int) -> Array:
    """Bernoulli draws with P(1) = level / 255, for uint8 levels (n, C, H, W) of the images with these numbers.

    The bits of an image depend on (seed, epoch, number) alone, not on the batch it is in. They are made of raw PCG64
    output, which numpy keeps the same in every version (its distributions it does not).
    """
    size = grey[0].size if len(grey) else 0
    noise = np.empty((len(grey), size + size % 2), dtype="<u4")  # each raw number of 64 bits serves two pixels
    for row, number in zip(noise, numbers.tolist(), strict=True):
        raw = np.random.PCG64(np.random.SeedSequence([seed, epoch, number])).random_raw(len(row) // 2)
        row[:] = raw.astype("<u8").view("<u4")
    bits = (noise[:, :size] >> 1) < _LIMITS[grey.reshape(len(grey), size)]
    return bits.astype(np.uint8).reshape(grey.shape)


# Of 2**31 equally likely noises, level / 255 are below the limit: none for level 0, all for 255.
_LIMITS = np.round(np.arange(256) / 255 * 2**31).astype("<u4")
