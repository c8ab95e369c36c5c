"""`pixelsnail compress`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, File, Limit, Overwrite, Run, Source
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.models import Model
    from pixelsnail.nn import Context

EXAMPLES = (
    "pixelsnail compress mnist digits/*.png --out digits.psn",
    "pixelsnail compress mnist --data mnist-mini --split test --out digits.psn",
)
SUFFIX = ".psn"


def compress(
    run: Run,
    /,
    *images: Annotated[
        File, Parameter(help="image files, also folders and patterns such as 'shots/*.png' (default: those of --data)")
    ],
    out: Annotated[File, Parameter(help=f"the file, FILE{SUFFIX}")],
    source: Source = Source(),
    numerics: Annotated[
        Literal["portable", "fast"],
        Parameter(
            help="portable decodes on any processor; fast is quicker, and decodes on this machine with this number of "
            "threads alone"
        ),
    ] = "portable",
    limit: Limit = None,
    together: Annotated[
        Count | None,
        Parameter(
            help="images that share a stream: fewer bytes, and access to one of them is as many times slower (default: "
            "up to 16 small images of a large set)"
        ),
    ] = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Images in as few bits as the model gives them, -log2 p(x), in one file that `pixelsnail decompress` turns back
    into the same images, pixel for pixel, as PNG files of the same names. Of several sizes, too.

    Nothing is lost: a model of two levels takes black and white images alone (--binarize threshold makes bits of grey
    ones first, and says so), a grey model takes no colour.
    """
    check_file(out, (SUFFIX,), overwrite)
    if images and source.data is not None:
        raise UsageError("IMAGES are not allowed with --data; expected one of them.")
    import pixelsnail
    from pixelsnail.codec import information
    from pixelsnail.codec.range_coder import constriction
    from pixelsnail.files import write_atomically

    constriction()
    model = load(run, computing)
    names, x, context, read = _read(run, list(images), source, limit, model, computing, terminal)
    start = time.perf_counter()
    with terminal.progress("compressing", "levels") as progress:
        data = pixelsnail.compress(
            model, x, context, numerics, names, together=together, batch=computing.batch, progress=progress
        )
    seconds = time.perf_counter() - start
    with write_atomically(out) as temporary:
        temporary.write_bytes(data)
    dims = sum(image.numel() for image in x)
    ideal = information(model, x, context, batch=computing.batch) / dims
    of_files = f", {read:,} bytes as files" if read else ""
    terminal.note(
        f"Compressed {plural(len(x), 'image')}{of_files}, to {len(data):,} bytes in {seconds:.1f} seconds, "
        f"{8 * len(data) / dims:.4f} bits/dim (-log2 p(x): {ideal:.4f}): {out}"
    )
    terminal.next(f"pixelsnail decompress {quoted(run)} {quoted(out)} --out decompressed")


def _read(
    run: str,
    images: list[Path],
    source: Source,
    limit: int | None,
    model: "Model",
    computing: Computing,
    terminal: Terminal,
) -> tuple[list[str] | None, list["Tensor"], "Context | None", int]:
    """The names, the images, their context, and the bytes of their files."""
    import torch

    from pixelsnail.data.exact import exact_files

    if not images:
        opened = open_images(run, computing.weights, source, model, terminal)
        opened = opened if limit is None else opened.head(limit)
        x = list(opened.batch(range(len(opened))))
        return list(opened.files) if opened.files else None, x, context_of(model, opened, source.context), 0
    how = "none" if source.binarize == "auto" else source.binarize
    if how != "none" and model.levels != 2:
        raise UsageError(f"--binarize is {how}, but {run} has {model.levels} levels; leave it out.")
    files, x, left = exact_files(images, (model.shape, model.levels), how, limit)
    if model.classes and source.context is None:
        raise UsageError(
            f"{run} is conditioned on classes 0 ... {model.classes - 1}; say which class the images are of with "
            "--context LABEL."
        )
    sizes = sorted({tuple(image.shape[1:]) for image in x})
    shown = ", ".join(f"{height} x {width}" for height, width in sizes[:3]) + (", ..." if len(sizes) > 3 else "")
    lost = f"; made bits ({how}): their grey levels are lost" if how != "none" else ""
    others = f"; {plural(len(left), 'other file')} left out" if left else ""
    terminal.note(f"{plural(len(x), 'image')} of {shown}{lost}{others}")
    own = {name.partition("#")[0] if not os.path.exists(name) else name for name in files}
    context = None if source.context is None else torch.full((len(x),), source.context)
    return _shortened(files), x, context, sum(os.path.getsize(file) for file in own)


def _shortened(files: list[str]) -> list[str]:
    """The names of files without the folder that all are in."""
    if len(files) == 1:
        return [Path(files[0]).name]
    common = os.path.commonpath([os.path.abspath(os.path.dirname(file)) for file in files])
    return [Path(os.path.relpath(os.path.abspath(file), common)).as_posix() for file in files]
