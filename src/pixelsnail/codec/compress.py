"""`compress` and `decompress`: images into one file and back, level by level.

Images of one size are coded in batches. A stream that would be longer than the levels as they are (noise, or what the
model thinks impossible) is left for those.
"""

import hashlib
import json
import math
import os
import sys
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pixelsnail.codec.container import MACHINE, MOST_PIXELS, Contents, read
from pixelsnail.codec.grid import MOST_LEVELS
from pixelsnail.codec.numerics import Coded, Walks, encode_portable, image_of, in_floats, symbols
from pixelsnail.codec.range_coder import constriction, read_uniform, write_uniform
from pixelsnail.engine import Progress
from pixelsnail.errors import WrongIndexError, WrongTypeError, WrongValueError
from pixelsnail.machine import describe
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.fingerprint import fingerprint
from pixelsnail.models.levels import check_levels
from pixelsnail.nn import Context
from pixelsnail.whole import whole

NUMERICS = ("portable", "fast")


def compress(
    model: Model,
    x: Tensor | Sequence[Tensor],
    context: Context | None = None,
    numerics: str = "portable",
    names: Sequence[str] | None = None,
    *,
    batch: int = 64,
    progress: Progress | None = None,
) -> bytes:
    """One file of images that `decompress` gives back level by level: x (B, C, H, W), or (C, H, W) of several sizes.

    An image takes -log2 p(x) bits and 8 bytes at most, the file 64 bytes more, its `names` and its `context` what they
    need. "portable" computes in float64 and decodes on any processor; "fast" computes in float32 and decodes only on
    the same machine with the same number of threads. `batch` images are coded at a time. Progress is told as (levels
    coded, levels in all).
    Raises as `model.log_prob` does, ValueError for unknown numerics, names that are not one an image, and images of
    more than 2 ** 20 pixels, RuntimeError where the model gives no probabilities.
    """
    constriction()
    if numerics not in NUMERICS:
        raise WrongValueError(f"There are no numerics {numerics!r}; expected one of {', '.join(NUMERICS)}.")
    batch, images, sizes = whole("batch", batch, 1), *_checked(model, x, context)
    if names is not None and len(names) != len(images):
        raise WrongValueError(f"There are {len(names)} names for {len(images)} images; expected one for each.")
    contents = Contents(fingerprint(model), model.levels, model.shape[0], sizes)
    contents.names, contents.context = (None if names is None else list(names)), context
    encode = _fast_encoder(model, batch) if numerics == "fast" else _portable_encoder(model)
    if numerics == "fast":
        contents.batch, contents.machine = batch, this_machine(model)
    count = len(images)
    contents.streams, contents.stored, contents.listed = [b""] * count, [False] * count, [{} for _ in images]
    contents.checks = [checksum(image, model.levels) for image in images]
    told = _Told(progress, sum(image.numel() for image in images))
    for chunk in _chunks([contents.size(i) for i in range(count)], batch):
        part = torch.stack([images[i] for i in chunk]).to(model.device)
        coded = encode(part, of_images(context, torch.tensor(chunk), model.device), told.part(part.numel()))
        for i, image, stream, listed in zip(chunk, part, coded.streams, coded.listed, strict=True):
            raw = write_uniform(symbols(image), model.levels)
            contents.stored[i] = len(raw) < len(stream)
            contents.streams[i], contents.listed[i] = (raw, {}) if contents.stored[i] else (stream, listed)
    return contents.write()


def decompress(
    model: Model, data: bytes, index: int | None = None, *, batch: int = 64, progress: Progress | None = None
) -> Tensor | list[Tensor]:
    """The images of a file: (B, C, H, W), a list of (C, H, W) where their sizes differ, or image `index`, (C, H, W).

    uint8, int64 above 256 levels. Raises ValueError for a file that is damaged, or was made with another model, by
    another version of the format, or with "fast" numerics on another machine; IndexError for an image that it lacks.
    """
    contents = read(data)
    images = decompress_contents(model, contents, index, batch=batch, progress=progress)
    if index is not None:
        return images[0]
    if isinstance(contents.sizes, list):
        return images
    return torch.stack(images) if images else torch.empty(0, contents.channels, *contents.sizes, dtype=torch.uint8)


def decompress_contents(
    model: Model, contents: Contents, index: int | None = None, *, batch: int = 64, progress: Progress | None = None
) -> list[Tensor]:
    """The images (C, H, W) of a file that was read, or image `index` alone. Raises as `decompress` does."""
    constriction()
    batch, count = contents.batch or whole("batch", batch, 1), contents.count
    _check_model(model, contents)
    if index is not None:
        index = whole("index", index, 0)
        if index >= count:
            raise WrongIndexError(f"There is no image {index}; the file holds {count}.")
    fast = contents.numerics == "fast"
    walks = Walks(in_floats(model, torch.float32 if fast else torch.float64), batch)
    chunks = _chunks([contents.size(i) for i in range(count)], batch)
    if index is not None:  # of "fast" numerics, those that were coded with it
        chunks = [chunk for chunk in chunks if index in chunk] if fast else [[index]]
    told = _Told(progress, sum(contents.symbols(i) for chunk in chunks for i in chunk))
    found: dict[int, Tensor] = {}
    for chunk in chunks:
        told_of = told.part(sum(contents.symbols(i) for i in chunk))
        decoded = _decoded(walks, contents, chunk, told_of)
        for i, image in zip(chunk, decoded, strict=True):
            if checksum(image, model.levels) != contents.checks[i]:
                raise WrongValueError(
                    f"Image {i} did not come out as it went in (checksum): this machine computes otherwise than the "
                    "one that compressed it. Decompress it there, and compress it with numerics='portable'."
                )
            found[i] = image.to(torch.uint8 if model.levels <= 256 else torch.long)
    return [found[i] for i in range(count)] if index is None else [found[index]]


def information(
    model: Model, x: Tensor | Sequence[Tensor], context: Context | None = None, *, batch: int = 64
) -> float:
    """-log2 p(x) of all images that `compress` takes: what a file cannot be shorter than on average."""
    images, sizes = _checked(model, x, context)
    each = sizes if isinstance(sizes, list) else [sizes] * len(images)
    nats = 0.0
    for chunk in _chunks(each, batch):
        part = torch.stack([images[i] for i in chunk]).to(model.device)
        with torch.inference_mode():
            nats -= float(model.log_prob(part, of_images(context, torch.tensor(chunk), model.device)).sum())
    return nats / math.log(2)


def checksum(image: Tensor, levels: int) -> int:
    """CRC-32 of an image's levels (C, H, W): bytes up to 256 levels, else four bytes each, the least first."""
    return zlib.crc32(image.cpu().numpy().astype("u1" if levels <= 256 else "<u4").tobytes())


def this_machine(model: Model) -> bytes:
    """What "fast" numerics depend on beside the file: processor, instructions, threads, versions, device."""
    told = {name: os.environ.get(name, "") for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_CBWR")}
    device = str(model.device.type)
    if model.device.type == "cuda":
        device = torch.cuda.get_device_name(model.device)
    about = {**describe(), **told, "device": device, "system": sys.platform, "numpy": np.__version__}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).digest()[:MACHINE]


def _checked(
    model: Model, x: Tensor | Sequence[Tensor], context: Context | None
) -> tuple[list[Tensor], list[tuple[int, int]] | tuple[int, int]]:
    """The images (C, H, W), and their sizes. Raises as `model.log_prob` does."""
    if model.levels > MOST_LEVELS:
        raise WrongValueError(f"This model has {model.levels:,} levels; expected at most {MOST_LEVELS:,} to compress.")
    if isinstance(x, Tensor) and x.dim() == 4 and len(x) == 0:
        check_levels(x.new_zeros(1, *x.shape[1:]), model.levels, model.shape)
        return [], (x.shape[2], x.shape[3])
    if isinstance(x, Tensor):
        images = list(check_levels(x, model.levels, model.shape))
    elif isinstance(x, Sequence) and all(isinstance(image, Tensor) for image in x):
        images = [check_levels(image[None], model.levels, model.shape)[0] for image in x]
    else:
        raise WrongTypeError(f"x is a {type(x).__name__}; expected a tensor (B, C, H, W), or a list of them (C, H, W).")
    sizes = [(image.shape[1], image.shape[2]) for image in images]
    for size in dict.fromkeys(sizes):
        model.check_size(*size)
        if size[0] * size[1] > MOST_PIXELS:
            raise WrongValueError(
                f"An image is {size[0]} x {size[1]}; expected at most {MOST_PIXELS:,} pixels. Cut it into tiles."
            )
    if len(set(sizes)) > 1:
        for size in dict.fromkeys(sizes):
            same = torch.tensor([i for i, own in enumerate(sizes) if own == size])
            model.condition.present(context)
            model.condition.check(of_images(context, same), len(same), size)
        return images, sizes
    size = sizes[0] if sizes else (model.shape[1], model.shape[2])
    if images:
        model.condition.check(context, len(images), size)
    return images, size


def _portable_encoder(model: Model) -> Callable[[Tensor, Context | None, Progress | None], Coded]:
    wide, narrow = in_floats(model, torch.float64), in_floats(model, torch.float32)

    def encode(x: Tensor, context: Context | None, progress: Progress | None) -> Coded:
        coded = encode_portable(wide, narrow, x, context)
        if progress is not None:
            progress(1, 1)
        return coded

    return encode


def _fast_encoder(model: Model, batch: int) -> Callable[[Tensor, Context | None, Progress | None], Coded]:
    walks = Walks(in_floats(model, torch.float32), batch)

    def encode(x: Tensor, context: Context | None, progress: Progress | None) -> Coded:
        return Coded(walks.encode(x, context, progress), [{} for _ in x])

    return encode


def _check_model(model: Model, contents: Contents) -> None:
    """Raises ValueError unless the model, and the machine where it matters, are those that a file was made with."""
    own = fingerprint(model)
    if own != contents.fingerprint:
        raise WrongValueError(
            f"The images were compressed with another model (fingerprint {contents.fingerprint.hex()[:8]}, this one "
            f"has {own.hex()[:8]}); decompress them with the one that compressed them."
        )
    if (contents.levels, contents.channels) != (model.levels, model.shape[0]):
        raise WrongValueError(
            f"The file says {contents.levels} levels and {contents.channels} channels, but the model has "
            f"{model.levels} and {model.shape[0]}: it is damaged."
        )
    sizes = contents.sizes if isinstance(contents.sizes, list) else [contents.sizes]
    for size in dict.fromkeys(sizes):
        model.check_size(*size)
    if contents.numerics == "fast" and contents.machine != this_machine(model):
        raise WrongValueError(
            "The images were compressed with numerics='fast' on another machine, or with other versions or another "
            "number of threads; decompress them there, or compress them with numerics='portable'."
        )


def _decoded(walks: Walks, contents: Contents, chunk: list[int], progress: Progress | None) -> list[Tensor]:
    """Images (C, H, W) of a chunk, all of one size, in int64."""
    size = contents.size(chunk[0])
    shape = (contents.channels, *size)
    known = {
        i: read_uniform(contents.streams[i], contents.symbols(i), contents.levels) for i in chunk if contents.stored[i]
    }
    # In float32 a batch must be the one that was encoded; in float64 images that are known need no model.
    walked = chunk if contents.numerics == "fast" else [i for i in chunk if i not in known]
    found = {i: image_of(levels, shape) for i, levels in known.items()}
    if any(i not in known for i in walked):
        context = of_images(contents.context, torch.tensor(walked), walks.model.device)
        walks.model.condition.check(context, len(walked), size)
        streams = [known.get(i, contents.streams[i]) for i in walked]
        images = walks.decode(streams, [contents.listed[i] for i in walked], size, context, progress)
        found.update(zip(walked, images.cpu(), strict=True))
    return [found[i] for i in chunk]


def _chunks(sizes: Sequence[tuple[int, int]], batch: int) -> list[list[int]]:
    """The images of each size, in order, `batch` at a time."""
    of_size: dict[tuple[int, int], list[int]] = {}
    for i, size in enumerate(sizes):
        of_size.setdefault(size, []).append(i)
    return [same[first : first + batch] for same in of_size.values() for first in range(0, len(same), batch)]


class _Told:
    """Progress over all levels, from that of parts."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def part(self, size: int) -> Progress | None:
        """For the next `size` levels: what to tell of them as (done, of)."""
        if self.progress is None:
            return None
        progress, before = self.progress, self.done
        self.done += size
        return lambda done, of: progress(before + size * done // of, self.total)
