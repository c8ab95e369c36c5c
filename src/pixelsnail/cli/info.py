"""`pixelsnail info`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pixelsnail.cli.parameters import Json, Run, Weights
from pixelsnail.cli.runs import size_of
from pixelsnail.cli.table import Rows, show, show_json, with_error
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pixelsnail.models import Model

EXAMPLES = ("pixelsnail info runs/demo", "pixelsnail info mnist --json")
NAMES = {
    "steps": "steps trained",
    "epochs": "epochs",
    "seconds": "time trained",
    "validation_nats": "validation nats",
    "test_nats": "test nats",
    "test_on": "tested on",
    "source": "data",
    "data": "data",
    "maps": "maps of the data",
    "binarize": "binarisation",
    "weights": "kind of weights",
    "recipe": "recipe",
    "seed": "seed",
    "imported_from": "imported from",
    "reference": "its name there",
    "file": "its file",
}
"""What about.json may tell, in the order of the table."""


def info(run: Run, /, *, weights: Weights = "best", json: Json = False, terminal: Terminal = Terminal()) -> None:
    """What a run holds: the model, its size, levels and parameters, how long it was trained on what, and its nats, as
    far as the run says.
    """
    import pixelsnail
    from pixelsnail import checkpoints

    model = pixelsnail.load(run, weights=weights)
    about = checkpoints.about(run, weights=weights)
    if json:
        show_json({"run": run, "weights": weights, **facts(model), "about": about})
    else:
        kind = "comes with pixelsnail" if checkpoints.is_packaged(run) else f"{weights} weights"
        show([("run", f"{run}, {kind}"), *rows(model, about)])
    terminal.next(f"pixelsnail sample {quoted(run)} --count 64 --out samples.png")


def facts(model: "Model") -> dict[str, Any]:
    """What the configuration tells."""
    return {
        "model": type(model).__name__,
        "shape": list(model.shape),
        "levels": model.levels,
        "head": type(model.head).__name__,
        "context": about_conditions(model),
        "orders": getattr(model, "orders", 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "configuration": model.configuration,
    }


def about_conditions(model: "Model") -> dict[str, Any] | None:
    """What the model is conditioned on, for JSON; None where it is on nothing."""
    from pixelsnail.models.condition import Labels, Map

    found: dict[str, Any] = {}
    for one in model.conditions.values():
        if isinstance(one, Labels):
            found |= {"classes": one.classes} | ({"label_dropout": one.dropout} if one.dropout else {})
        elif isinstance(one, Map):
            found |= {"map_levels": one.levels, "map_channels": one.channels, "map_ratio": one.ratio}
    return found or None


def rows(model: "Model", about: Mapping[str, Any]) -> Rows:
    """Configuration and what else is known, as a table: only what is known."""
    from pixelsnail.models import Ordered

    known = facts(model)
    left_out = ("model", "shape", "levels", "head")
    plain = model.in_one_order() if isinstance(model, Ordered) else model.configuration
    settings = ", ".join(f"{name} {value}" for name, value in plain.items() if name not in left_out)
    found = [
        ("model", f"{plain['model']} ({settings})"),
        ("images", size_of(model.shape)),
        ("levels", f"{model.levels:,} ({known['head']} head)"),
        ("context", model.condition.words),
        ("parameters", f"{known['parameters']:,}"),
    ]
    if isinstance(model, Ordered):
        found.append(("raster orders", f"{model.orders}: log p is the log mean over them"))
    found += [(name, _told(key, about)) for key, name in NAMES.items() if about.get(key) is not None]
    found.append(("licence", str(about.get("licence", "not stated"))))
    return found


def _told(key: str, about: Mapping[str, Any]) -> str:
    """A fact of about.json in words."""
    value = about[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or key == "seed":
        return str(value)
    if key == "seconds":
        from pixelsnail.training.history import duration

        return duration(value)
    if key.endswith("_nats"):
        return f"{with_error(value, about.get(f'{key}_standard_error'))} an image"
    return f"{value:,g}" if key == "epochs" else f"{value:,}"
