"""`pixelsnail curve`."""

from typing import Annotated

from cyclopts import Parameter

from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.parameters import File, Json, Name, Overwrite
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, quoted

EXAMPLES = ("pixelsnail curve runs/demo --out curve.png", "pixelsnail curve runs/demo --json")


def curve(
    run: Annotated[Name, Parameter(help="folder of a run")],
    /,
    *,
    out: Annotated[File | None, Parameter(help="picture, FILE.png or FILE.svg (default: no picture)")] = None,
    json: Json = False,
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Nats against time of a training, over or still under way: a table and, with --out, a picture. Training nats are
    the mean over the last tenth of the steps, validation nats the latest. Times that the machine paused, seen by
    intervals of more than three times the median, are left out.
    """
    from pixelsnail import pictures
    from pixelsnail.training.history import draw_history, milestones, read_history

    if out is not None:
        check_file(out, (".png", ".svg"), overwrite)
        pictures.require_matplotlib("curves")
    rows = read_history(run)
    found = milestones(rows)
    if json:
        show_json({"run": run, "rows": [vars(one) for one in found]})
    else:
        show_columns(("after", "steps", "training nats", "validation nats"), [one.words() for one in found])
    if out is not None:
        draw_history(rows, out)
        terminal.note(f"Drew the curve of {len(rows):,} rows: {out}")
    terminal.next(f"pixelsnail info {quoted(run)}")
