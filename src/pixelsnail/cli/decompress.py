"""`pixelsnail decompress`."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.outputs import check_folder, plural
from pixelsnail.cli.parameters import Computing, File, Folder, Overwrite, Run, Whole
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal
from pixelsnail.errors import ExistingFileError, MissingFileError, NotAFileError, WrongIndexError, WrongValueError

if TYPE_CHECKING:
    from pixelsnail.codec import Contents

EXAMPLES = (
    "pixelsnail decompress mnist digits.psn --out decompressed",
    "pixelsnail decompress mnist digits.psn --index 3 --out decompressed",
)


def decompress(
    run: Run,
    file: Annotated[File, Parameter(help="what `pixelsnail compress` made with this run")],
    /,
    *,
    out: Annotated[Folder, Parameter(help="folder for the images, PNG files")],
    index: Annotated[Whole | None, Parameter(help="only this image, 0 being the first (default: all)")] = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """The images of a file, pixel for pixel, under their own names with the suffix .png; 000000.png and so on where
    they have none. A file that is damaged, or was made with another model, is refused, and nothing is written.
    """
    check_folder(out)
    if file.is_dir():
        raise NotAFileError(f"{file} is a folder; expected a file that compress made.")
    if not file.is_file():
        raise MissingFileError(f"There is no file {file}; expected one that compress made.")
    from pixelsnail import codec, pictures

    data = file.read_bytes()
    contents = codec.read(data)
    if index is not None and index >= contents.count:
        raise WrongIndexError(f"There is no image {index} in {file}; it holds {plural(contents.count, 'image')}.")
    chosen = range(contents.count) if index is None else [index]
    paths = [out / name for name in file_names(contents.names, contents.count)]
    there = [paths[i] for i in chosen if paths[i].exists()]
    if there and not overwrite:
        raise ExistingFileError(f"{there[0]} is there already; replace it with --overwrite, or choose another folder.")
    terminal.note(_summary(file, contents, len(data)))
    model = load(run, computing)
    start = time.perf_counter()
    with terminal.progress("decompressing", "levels") as progress:
        images = codec.decompress_contents(model, contents, index, batch=computing.batch, progress=progress)
    seconds = time.perf_counter() - start
    for i, image in zip(chosen, images, strict=True):
        pictures.write_png(pictures.exact_image(image, contents.levels), paths[i])
    terminal.note(f"Decompressed {plural(len(images), 'image')} in {seconds:.1f} seconds: {out}")


def file_names(names: Sequence[str] | None, count: int) -> list[str]:
    """The PNG files of images with these names, each another one. Raises ValueError for a name outside the folder."""
    if names is None:
        return [f"{i:06}.png" for i in range(count)]
    for name in names:
        path = Path(name)
        if path.is_absolute() or path.drive or ".." in path.parts or not path.name:
            raise WrongValueError(
                f"The file names an image {name!r}, which lies outside of the folder; nothing was written."
            )
    plain = [str(Path(name).with_suffix(".png")) for name in names]
    times = Counter(one.casefold() for one in plain)
    found = [one if times[one.casefold()] == 1 else f"{name}.png" for one, name in zip(plain, names, strict=True)]
    twice = [one for one, n in Counter(one.casefold() for one in found).items() if n > 1]
    if twice:
        raise WrongValueError(f"The file names two images {twice[0]!r}; take pixelsnail.decompress in Python.")
    return found


def _summary(file: Path, contents: "Contents", size: int) -> str:
    sizes = sorted({contents.size(i) for i in range(contents.count)})
    shown = ", ".join(f"{height} x {width}" for height, width in sizes[:3]) + (", ..." if len(sizes) > 3 else "")
    dims = sum(contents.symbols(i) for i in range(contents.count))
    rate = f", {8 * size / dims:.4f} bits/dim" if dims else ""
    return (
        f"{file}: {plural(contents.count, 'image')}{f' of {shown}' if shown else ''}, {contents.levels} levels, "
        f"{contents.numerics}; {size:,} bytes{rate}"
    )
