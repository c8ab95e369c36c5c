"""`pixelsnail restore`."""

from typing import Annotated

from cyclopts import Parameter

from pixelsnail.cli.detect import Background, DetectorFile
from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, Folder, Overwrite, Run, Seed, SourceOrFiles, Whole
from pixelsnail.cli.runs import load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.terminal import Terminal

EXAMPLES = ("pixelsnail restore mnist --images a.png b.png --detector digits.json --out restored",)


def restore(
    run: Run,
    /,
    *,
    detector: DetectorFile,
    out: Annotated[Folder, Parameter(help="folder for the two files")],
    background: Background = None,
    particles: Annotated[Count, Parameter(help="particles that are weighed by the pixels that stay")] = 32,
    grow: Annotated[Whole, Parameter(help="pixels around an unusual one that are drawn anew too")] = 1,
    seed: Seed = 0,
    source: SourceOrFiles = SourceOrFiles(),
    count: Annotated[Count, Parameter(help="images: the first N of the source, or of the files")] = 8,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Draws the unusual pixels of images anew, given all others: where a detector of `pixelsnail detect fit RUN` finds
    any. Writes DIR/restored.png (the image, what was kept of it, the restored one) and DIR/restored.npz: x and restored
    (n, C, H, W), replaced (n, 1, H, W), levels.
    """
    picture, array = out / "restored.png", out / "restored.npz"
    check_file(picture, (".png",), overwrite)
    check_file(array, (".npz",), overwrite)
    from pixelsnail import evaluation, pictures

    known = evaluation.Detector.load(detector)
    model = load(run, computing)
    other = None if background is None else load(background, computing)
    images = open_images(run, computing.weights, source, model, terminal).head(count)
    context = context_of(model, images, source.context)
    found = evaluation.detect(model, images, known, background=other, context=context, batch=computing.batch)
    x = images.batch(range(len(images)))
    with terminal.progress("restoring", "pixels") as progress:
        restored = evaluation.restore(
            model, x, found.pixels, particles=particles, grow=grow, seed=seed, context=context, batch=computing.batch,
            progress=progress,
        )  # fmt: skip
    write_npz(array, x=x, restored=restored.images, replaced=restored.replaced, levels=model.levels)
    kept, drawn = ~restored.replaced, restored.images[:, None]
    pictures.write_png(pictures.completions(x, kept, drawn, model.levels), picture)
    pixels = int(restored.replaced.sum())
    terminal.note(f"Drew {plural(pixels, 'pixel')} of {plural(len(x), 'image')} anew: {picture}, {array}")
