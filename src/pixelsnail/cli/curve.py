"""`pixelsnail curve`."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, duration, quoted

if TYPE_CHECKING:
    from pixelsnail.training.history import Row, Standing

TIMES = (60, 600, 3600, 6 * 3600, 24 * 3600)
"""Seconds after which the table looks, as far as the training went."""


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "curve",
        "Nats against time of a training, over or still under way: a table and, with --out, a picture. Training nats "
        "are the mean over the last tenth of the steps, validation nats the latest. Times that the machine paused, "
        "seen by intervals of more than three times the median, are left out.",
        ["pixelsnail curve runs/demo --out curve.png", "pixelsnail curve runs/demo --json"],
    )
    parser.add_argument("run", metavar="RUN", help="folder of a run (required)")
    parser.add_argument(
        "--out", metavar="FILE", type=common.file, help="picture, FILE.png or FILE.svg (default: no picture)"
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    common.add_overwrite(parser, "a picture")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Prints a table and draws the picture."""
    from pixelsnail import pictures
    from pixelsnail.training.history import read_history

    if arguments.out is not None:
        check_file(arguments.out, (".png", ".svg"), arguments.overwrite)
        pictures.require_matplotlib("curves")
    rows = read_history(arguments.run)
    found = milestones(rows)
    if arguments.json:
        show_json({"run": arguments.run, "rows": [vars(one) for one in found]})
    else:
        show_columns(("after", "steps", "training nats", "validation nats"), [words(one) for one in found])
    if arguments.out is not None:
        draw(rows, arguments.out)
        terminal.note(f"Drew the curve of {len(rows):,} rows: {arguments.out}")
    terminal.next(f"pixelsnail info {quoted(arguments.run)}")


def milestones(rows: "list[Row]") -> "list[Standing]":
    """How far the training was at each of TIMES that it reached, and at its end."""
    from pixelsnail.training.history import standing

    end = rows[-1].seconds
    found = [standing(rows, seconds) for seconds in (*(time for time in TIMES if time < end), end)]
    return [one for one in found if one is not None]


def words(one: "Standing") -> tuple[str, str, str, str]:
    """A line of the table."""
    validation = "" if one.validation is None else f"{one.validation:.2f}"
    return duration(one.seconds), f"{one.step:,}", f"{one.train:.2f}", validation


def draw(rows: "list[Row]", path: object) -> None:
    """A picture of training and validation nats against minutes, without the beginning, where they fall fast."""
    from pixelsnail import pictures
    from pixelsnail.training.history import smooth

    seconds, nats = smooth(rows)
    low = 1.5 * min(nats)
    shown = [(t / 60, value) for t, value in zip(seconds, nats, strict=True) if value <= low]
    series = {"training": ([t for t, _ in shown], [value for _, value in shown])}
    judged = [row for row in rows if row.split == "validation"]
    if judged:
        series["validation"] = ([row.seconds / 60 for row in judged], [row.nats for row in judged])
    pictures.curves(series, str(path), "minutes of training", "nats/image")
