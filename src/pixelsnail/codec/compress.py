"""`compress` and `decompress`: images into one file and back, level by level.

Images are coded in batches, an image of each of some streams (`layout`). One that would take more than its levels as
they are (noise, or what the model thinks impossible) is written as those.
"""

import hashlib
import json
import math
import os
import sys
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pixelsnail.codec.container import MACHINE, MOST_PIXELS, MOST_TOGETHER, Contents, read
from pixelsnail.codec.door import Door, with_orders
from pixelsnail.codec.grid import MOST_LEVELS
from pixelsnail.codec.layout import Layout, Size, usual
from pixelsnail.codec.numerics import Portable, Walks, image_of, in_floats, symbols
from pixelsnail.codec.range_coder import Reader, Writer, constriction
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
    together: int | None = None,
    batch: int = 64,
    progress: Progress | None = None,
) -> bytes:
    """One file of images that `decompress` gives back level by level: x (B, C, H, W), or (C, H, W) of several sizes.

    An image takes -log2 p(x) bits and 8 bytes at most, the file 64 bytes more, its `names` and its `context` what they
    need. "portable" computes in float64 and decodes on any processor; "fast" computes in float32 and decodes only on
    the same machine with the same number of threads. `together` images share a stream, which saves up to 5 bytes an
    image and makes access to a single one as many times slower; None lets small images of large sets, up to 16.
    `batch` streams are coded at a time. Progress is told as (levels coded, levels in all).
    A model of several orders codes each image in its likeliest one, unless the context names others, and the file holds
    which. Raises as `model.log_prob` does, ValueError for unknown numerics,
    names that are not one an image, and images of more than 2 ** 20 pixels, RuntimeError where the model gives no
    probabilities.
    """
    constriction()
    if numerics not in NUMERICS:
        raise WrongValueError(f"There are no numerics {numerics!r}; expected one of {', '.join(NUMERICS)}.")
    batch, images, sizes = whole("batch", batch, 1), *_checked(model, x, context)
    if names is not None and len(names) != len(images):
        raise WrongValueError(f"There are {len(names)} names for {len(images)} images; expected one for each.")
    largest = max((image.numel() for image in images), default=0)
    together = usual(len(images), largest * math.log2(model.levels)) if together is None else together
    if whole("together", together, 1) > MOST_TOGETHER:
        raise WrongValueError(f"together is {together}; expected at most {MOST_TOGETHER} images in a stream.")
    contents = Contents(fingerprint(model), model.levels, model.shape[0], sizes, len(images), together)
    contents.names = None if names is None else list(names)
    contents.context = with_orders(model, images, context, Layout.of(contents.all_sizes, batch, 1).streams)
    if numerics == "fast":
        contents.batch, contents.machine = batch, this_machine(model)
    _encode(model, images, contents, batch, _Told(progress, sum(image.numel() for image in images)))
    return contents.write()


def _encode(model: Model, images: list[Tensor], contents: Contents, batch: int, told: "_Told") -> None:
    """Fills in the streams."""
    encoder: Portable | Walks
    door = Door.of(model, contents.context, contents.all_sizes)
    if contents.numerics == "fast":
        encoder = Walks(in_floats(door.model, torch.float32), batch)
    else:
        encoder = Portable(in_floats(door.model, torch.float64), in_floats(door.model, torch.float32))
    layout = contents.layout(batch)
    contents.streams, contents.listed = [b""] * len(layout.streams), [{} for _ in images]
    for block in layout.blocks(contents.all_sizes):
        writers = {stream: Writer() for stream in block}
        for chunk in layout.chunks(block):
            of = [image for _, image in chunk]
            part = torch.stack([door.turned(i, images[i]) for i in of])
            trials = [writers[stream].trial() for stream, _ in chunk]
            listed = encoder.encode(part.to(model.device), door.given(of), trials, told.part(part.numel()))
            for (stream, i), image, trial, shifts in zip(chunk, part, trials, listed, strict=True):
                if writers[stream].settle(trial, symbols(image), model.levels):
                    contents.stored.add(i)
                else:
                    contents.listed[i] = shifts
        for stream, writer in writers.items():
            contents.streams[stream] = writer.finish()
    contents.checks = [checksum([images[i] for i in stream], model.levels) for stream in layout.streams]


def decompress(
    model: Model, data: bytes, index: int | None = None, *, batch: int = 64, progress: Progress | None = None
) -> Tensor | list[Tensor]:
    """The images of a file: (B, C, H, W), a list of (C, H, W) where their sizes differ, or image `index`, (C, H, W).

    uint8, int64 above 256 levels. Raises ValueError for a file that is damaged, or was made with another model, by
    another version of the format, or with "fast" numerics on another machine; IndexError for an image that it lacks.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise WrongTypeError(f"data is a {type(data).__name__}; expected the bytes that compress gave.")
    contents = read(bytes(data))
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
    batch = contents.batch or whole("batch", batch, 1)
    _check_model(model, contents)
    if index is not None and whole("index", index, 0) >= contents.count:
        raise WrongIndexError(f"There is no image {index}; the file holds {contents.count}.")
    fast = contents.numerics == "fast"
    door = Door.of(model, contents.context, contents.all_sizes)
    walks = Walks(in_floats(door.model, torch.float32 if fast else torch.float64), batch)
    layout = contents.layout(batch)
    blocks = layout.blocks(contents.all_sizes)
    if index is not None:  # of "fast" numerics all that was coded with it
        own = next(s for s, images in enumerate(layout.streams) if index in images)
        blocks = [block for block in blocks if own in block] if fast else [[own]]
    told = _Told(progress, sum(contents.symbols(i) for block in blocks for s in block for i in layout.streams[s]))
    found: dict[int, Tensor] = {}
    for block in blocks:
        readers = {stream: Reader(contents.streams[stream]) for stream in block}
        for chunk in layout.chunks(block):
            found.update(_decoded(walks, door, contents, chunk, readers, told))
        for stream in block:
            if checksum([found[i] for i in layout.streams[stream]], model.levels) != contents.checks[stream]:
                raise WrongValueError(
                    f"Image {layout.streams[stream][0]} or one that shares its stream did not come out as it went in "
                    "(checksum): this machine computes otherwise than the one that compressed it. Decompress it there, "
                    "and compress it with numerics='portable'."
                )
    return [found[i] for i in range(contents.count)] if index is None else [found[index]]


def information(
    model: Model, x: Tensor | Sequence[Tensor], context: Context | None = None, *, batch: int = 64
) -> float:
    """-log2 p(x) of all images that `compress` takes, in the orders that it takes: what no file is shorter than on
    average."""
    images, sizes = _checked(model, x, context)
    each = sizes if isinstance(sizes, list) else [sizes] * len(images)
    chunks, nats = Layout.of(each, batch, 1).streams, 0.0
    context = with_orders(model, images, context, chunks)
    for chunk in chunks:
        part, given = torch.stack([images[i] for i in chunk]), of_images(context, torch.tensor(chunk), model.device)
        with torch.inference_mode():
            nats -= float(model.log_prob(part.to(model.device), given).sum())
    return nats / math.log(2)


def checksum(images: Sequence[Tensor], levels: int) -> int:
    """CRC-32 of the levels of images (C, H, W), one after another: a byte each up to 256 levels, else four, the least
    first."""
    found = 0
    for image in images:
        found = zlib.crc32(image.cpu().numpy().astype("u1" if levels <= 256 else "<u4").tobytes(), found)
    return found


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
) -> tuple[list[Tensor], list[Size] | Size]:
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
    _check_context(model, context, sizes)
    if len(set(sizes)) > 1:
        return images, sizes
    return images, sizes[0] if sizes else (model.shape[1], model.shape[2])


def _check_context(model: Model, context: Context | None, sizes: Sequence[Size]) -> None:
    """Raises ValueError or TypeError for a context that is not one of images of these sizes."""
    if len(set(sizes)) == 1:
        model.condition.check(context, len(sizes), sizes[0])
    elif sizes:
        model.condition.present(context)
        for size in dict.fromkeys(sizes):
            same = torch.tensor([i for i, own in enumerate(sizes) if own == size])
            model.condition.check(of_images(context, same), len(same), size)


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
    for size in dict.fromkeys(contents.all_sizes):
        model.check_size(*size)
    _check_context(model, contents.context, contents.all_sizes)
    if contents.numerics == "fast" and contents.machine != this_machine(model):
        raise WrongValueError(
            "The images were compressed with numerics='fast' on another machine, or with other versions or another "
            "number of threads; decompress them there, or compress them with numerics='portable'."
        )


def _decoded(
    walks: Walks,
    door: Door,
    contents: Contents,
    chunk: list[tuple[int, int]],
    readers: Mapping[int, Reader],
    told: "_Told",
) -> dict[int, Tensor]:
    """Images (C, H, W) of a chunk, all of one size, the next of their streams."""
    images, size = [image for _, image in chunk], contents.size(chunk[0][1])
    shape, count = (contents.channels, *size), contents.symbols(chunk[0][1])
    progress = told.part(len(images) * count)
    known = {i: readers[s].read_uniform(count, contents.levels) for s, i in chunk if i in contents.stored}
    found = {i: image_of(levels, shape) for i, levels in known.items()}
    # In float32 a batch must be the one that was encoded; in float64 images that are known need no model.
    walked = chunk if contents.numerics == "fast" else [(s, i) for s, i in chunk if i not in known]
    if len(known) < len(images):
        of = [i for _, i in walked]
        sources = [known[i] if i in known else readers[s] for s, i in walked]
        decoded = walks.decode(sources, [contents.listed[i] for i in of], size, door.given(of), progress)
        found.update(zip(of, decoded.cpu(), strict=True))
    kind = torch.uint8 if contents.levels <= 256 else torch.long
    return {i: door.turned_back(i, image).to(kind) for i, image in found.items()}


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
