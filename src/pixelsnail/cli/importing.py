"""`pixelsnail import`."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.info import rows
from pixelsnail.cli.outputs import check_run
from pixelsnail.cli.parameters import File, Overwrite, RunPath, Shape, form, whole
from pixelsnail.cli.table import show
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import WrongValueError


def _pair(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value by YAML's rules."""
    from pixelsnail.training.values import parse

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise WrongValueError("KEY=VALUE, such as n_channels=64")
    try:
        return key, parse(value, f"--config {key}")
    except ValueError as error:
        raise UsageError(str(error)) from None


Pairs = Annotated[list[tuple[str, Any]], form("KEY=VALUE", _pair)]
Levels = Annotated[int, form("L", whole(2))]
EXAMPLES = (
    "pixelsnail import trainer_state_3.ckpt --project pytorch-generative --out runs/theirs",
    "pixelsnail import pixelsnail_top_420.pt --project rosinality --out runs/top",
    "pixelsnail import cifar10.npz --project official --name h12_noup_smallkey --out runs/paper",
)


def import_run(
    file: Annotated[File, Parameter(help="checkpoint: .ckpt, .pt, .safetensors or .npz")],
    /,
    *,
    project: Annotated[
        Literal["pytorch-generative", "official", "rosinality"],
        Parameter(
            help="the project that wrote the file: pytorch-generative, official (the paper's own code), or rosinality "
            "(vq-vae-2-pytorch's priors)"
        ),
    ],
    out: Annotated[RunPath, Parameter(help="folder of the run to make")],
    name: Annotated[
        str | None,
        Parameter(
            help="the project's own name of the model (default: the one that the tensors show; needed for official)"
        ),
    ] = None,
    config: Annotated[
        Pairs | None,
        Parameter(
            help="the model's arguments under the project's names, where no tensor tells them (default: none)",
            consume_multiple=True,
        ),
    ] = None,
    shape: Annotated[
        Shape | None, Parameter(help="an image's size (default: what the file tells, else the published one)")
    ] = None,
    levels: Annotated[
        Levels | None, Parameter(help="integer levels of a pixel (default: 2; of official models: 256)")
    ] = None,
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Turns a checkpoint of another project into a run, so that every other command works with it. All of its weights
    fit, or nothing is imported; code in the file is never run.
    """
    check_run(out, overwrite)
    from pixelsnail import checkpoints
    from pixelsnail.training import RunFolder

    model, told = checkpoints.import_file(file, project, name, dict(config or []), shape=shape, levels=levels)
    about = {**told, "file": file.name}
    RunFolder(out).replace(model, about)
    show([("run", str(out)), *rows(model, about)])
    run, data = quoted(out), "mnist-mini" if model.shape[0] == 1 else "folder:PATH"
    terminal.next(f"pixelsnail sample {run} --count 64 --out samples.png", f"pixelsnail evaluate {run} --data {data}")
