"""`pixelsnail import`."""

import os
import shutil
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pixelsnail.cli import arguments as common
from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.info import rows
from pixelsnail.cli.outputs import check_run
from pixelsnail.cli.table import show
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pixelsnail.models import Model


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "import",
        "Turns a checkpoint of another project into a run, so that every other command works with it. All of its "
        "weights fit, or nothing is imported; code in the file is never run.",
        [
            "pixelsnail import trainer_state_3.ckpt --project pytorch-generative --out runs/theirs",
            "pixelsnail import pixelsnail_top_420.pt --project rosinality --out runs/top",
            "pixelsnail import cifar10.npz --project official --name h12_noup_smallkey --out runs/paper",
        ],
    )
    parser.add_argument(
        "file", metavar="FILE", type=common.file, help="checkpoint: .ckpt, .pt, .safetensors or .npz (required)"
    )  # fmt: skip
    parser.add_argument(
        "--project", metavar="PROJECT", required=True,
        type=common.one_of("pytorch-generative", "official", "rosinality"),
        help="the project that wrote the file: pytorch-generative, official (the paper's own code), or rosinality "
        "(vq-vae-2-pytorch's priors)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="RUN", type=common.file, required=True, help="folder of the run to make")
    parser.add_argument(
        "--name", metavar="NAME",
        help="the project's own name of the model (default: the one that the tensors show; needed for official)",
    )  # fmt: skip
    parser.add_argument(
        "--config", metavar="KEY=VALUE", nargs="+", action="extend", type=_pair, default=[],
        help="the model's arguments under the project's names, where no tensor tells them (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--shape", metavar="CxHxW", type=_shape,
        help="an image's size (default: what the file tells, else the published one)",
    )  # fmt: skip
    parser.add_argument(
        "--levels", metavar="L", type=_levels, help="integer levels of a pixel (default: 2; of official models: 256)"
    )
    common.add_overwrite(parser, "a run")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Converts the file and writes the run."""
    check_run(arguments.out, arguments.overwrite)
    from pixelsnail import checkpoints

    model, told = checkpoints.import_file(
        arguments.file, arguments.project, arguments.name, configuration(arguments.config),
        shape=arguments.shape, levels=arguments.levels,
    )  # fmt: skip
    about = {**told, "file": arguments.file.name}
    write_run(model, about, arguments.out)
    show([("run", str(arguments.out)), *rows(model, about)])
    name, data = quoted(arguments.out), "mnist-mini" if model.shape[0] == 1 else "folder:PATH"
    terminal.next(f"pixelsnail sample {name} --count 64 --out samples.png", f"pixelsnail evaluate {name} --data {data}")


def configuration(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """KEY=VALUE, each value by YAML's rules. Raises UsageError for one that has none."""
    from pixelsnail.training.values import parse

    try:
        return {key: parse(value, f"--config {key}") for key, value in pairs}
    except ValueError as error:
        raise UsageError(str(error)) from None


def write_run(model: "Model", about: Mapping[str, Any], out: Path) -> None:
    """The run, complete or as it was: what replaces an earlier one is written beside it first."""
    from pixelsnail import checkpoints
    from pixelsnail.training import RunFolder

    folder = RunFolder(out)
    was_there = out.exists()
    temporary = out / f".model-{token_hex(8)}"
    try:
        checkpoints.save(model, temporary, about=about)
        folder.clear()
        os.replace(temporary, folder.model)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not was_there and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"is {text!r}; expected KEY=VALUE, such as n_channels=64")
    return key, value


def _shape(text: str) -> tuple[int, ...]:
    return common.sizes(text, "CxHxW")


def _levels(text: str) -> int:
    return common.whole(text, 2)
