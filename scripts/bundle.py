"""Puts a run's best weights into the package, says what they are worth, and brings pictures and pages up to date.

    python scripts/bundle.py RUN --data mnist:FOLDER [--name mnist] [--recipe mnist-fast] [--after mnist --after RUN]
    python scripts/bundle.py RUN --data photos --name photos --recipe photos
    python scripts/bundle.py RUN --data mnist:FOLDER --after mnist --share 0.4

With --share a mean of weights is packaged: that share of the run's, the rest of the package's, which it went on from.
Weights are rounded to half precision; what is evaluated and drawn afterwards are the rounded ones, as `pixelsnail.load`
gives them. In README.md and docs the text between <!-- mnist WHAT --> and <!-- / --> is replaced, by the model's name.
The numbers of its curve are kept beside the picture, for a training that goes on from packaged weights: --after NAME.
"""

import argparse
import copy
import dataclasses
import re
from pathlib import Path
from statistics import fmean
from typing import Any

from pixelsnail import checkpoints, data, evaluation, pictures
from pixelsnail.checkpoints.folder import PACKAGED
from pixelsnail.files import read_csv, write_csv
from pixelsnail.models import Model, Ordered
from pixelsnail.training.history import Row, draw_history, milestones, read_history

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/how-to.md", "docs/orders.md")
PICTURES = ROOT / "docs/pictures"
EMBEDDED = "mnist-mini"
CURVE = ("step", "split", "nats", "seconds")
POINTS = 400
"""About so many training nats of a curve are kept, each a mean."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is said of a model of digits, or of photographs."""

    digits: bool

    @property
    def licence(self) -> str:
        """Of the weights, and of what they were made from."""
        photographs = "photographs of scikit-image and scikit-learn (public domain, CC0, CC BY 2.0, Scharstein 2014)"
        return f"MIT; trained on {'MNIST (CC BY-SA 3.0)' if self.digits else photographs}"

    def images(self, held_out: int) -> str:
        """What it was trained on."""
        return f"MNIST, {60_000 - held_out:,} of its training images" if self.digits else "photos, 18,881 crops of 5"

    @property
    def defaults(self) -> dict[str, object]:
        """What it is shown where nobody names images."""
        return {"default_data": EMBEDDED if self.digits else "photos", "binarize": "dynamic" if self.digits else "none"}


def rounded(model: Model) -> Model:
    """A copy with weights in half precision. Prints the largest error; raises ValueError where a weight overflows."""
    half = copy.deepcopy(model).half()
    pairs = list(zip(model.parameters(), half.parameters(), strict=True))
    if not all(after.isfinite().all() for _, after in pairs):
        raise ValueError("A weight is beyond 65504, the largest number of half precision; these cannot be rounded.")
    error = max((before - after.float()).abs().max().item() for before, after in pairs)
    largest = max(before.abs().max().item() for before, _ in pairs)
    print(f"rounded to half precision: largest weight {largest:.3f}, largest error {error:.2g}")
    return half


def mean(model: Model, other: Model, share: float) -> Model:
    """The model with `share` of its own weights and the rest of another's, of the same architecture."""
    before = other.state_dict()
    model.load_state_dict({name: before[name].lerp(weight, share) for name, weight in model.state_dict().items()})
    return model


def judge(model: Model, source: str, draws: int, limit: int | None) -> dict[str, object]:
    """The nats of the test images over several dynamic binarisations, and of the embedded ones in their first draw."""
    digits = source.startswith("mnist")
    images = data.open(source, "test", binarize="dynamic" if digits else "none")
    found = evaluation.evaluate(model, images, binarizations=draws if digits else 1, limit=limit)
    told: dict[str, object] = {"test_nats": found.nats, "test_nats_standard_error": found.standard_error}
    if isinstance(model, Ordered):
        first = model.condition.join(0, None, len(images), model.device)
        alone = evaluation.evaluate(model, images, context=first, binarizations=found.binarizations, limit=limit)
        told |= {"test_nats_of_order_0": alone.nats, "test_nats_of_order_0_standard_error": alone.standard_error}
    if not digits:
        return {**told, "test_on": f"photos, {found.images} crops of 2 photographs that it never saw"}
    mini = evaluation.evaluate(model, data.open(EMBEDDED, "test", binarize="dynamic"))
    return {
        **told,
        "test_on": f"MNIST, {found.images:,} test images, {found.binarizations} dynamic binarisations of each",
        "test_nats_by_binarization": found.per_binarization.tolist(),
        "embedded_nats": mini.nats,
        "embedded_nats_standard_error": mini.standard_error,
    }


def known(run: Path, recipe: str, held_out: int, digits: bool) -> dict[str, object]:
    """What the run tells of its training, without places on this machine."""
    told, kind = checkpoints.about(run), Kind(digits)
    seconds = told["seconds"]
    if (run / "metrics.csv").is_file():
        seconds = max(row.seconds for row in read_history(run) if row.step <= told["steps"])
    return {
        "recipe": recipe,
        "steps": told["steps"],
        "epochs": told["epochs"],
        "seconds": round(seconds, 1),
        "seconds_with_pauses": round(told["seconds"], 1),
        "validation_nats": told["validation_nats"],
        "data": kind.images(held_out),
        **kind.defaults,
        "weights": f"{told['weights']}, rounded to half precision",
        "seed": told["seed"],
        "licence": kind.licence,
    }


def added(about: dict[str, Any], earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of a run that went on from earlier trainings, one after another: of all, and of each by itself.

    What an earlier one went on from comes before it.
    """
    lengths = ("steps", "epochs", "seconds", "seconds_with_pauses")
    kept = ("recipe", *lengths, "validation_nats", "data", "seed", "test_nats", "test_nats_standard_error")
    parts: list[dict[str, Any]] = []
    for one in earlier:
        before = one.get("before", ())
        own = {name: round(one[name] - sum(part[name] for part in before), 3) for name in lengths}
        parts += [*before, {name: {**one, **own}[name] for name in kept if name in one}]
    sums = {name: round(sum(part[name] for part in (*parts, about)), 3) for name in lengths}
    return {**about, **sums, "before": parts}


def held_out(run: Path) -> int:
    """How many training images the run kept for validation."""
    found = re.search(r"^  validation: (\d+)$", (run / "recipe.yaml").read_text(), re.M)
    return int(found[1]) if found else 0


def replace(model: str, names: dict[str, str]) -> None:
    """Writes each text into the pages, between its marks."""
    for page in PAGES:
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        for name, new in names.items():
            text = re.sub(rf"(<!-- {model} {name} -->).*?(<!-- / -->)", rf"\g<1>{new}\g<2>", text, flags=re.DOTALL)
        path.write_text(text, encoding="utf-8")


def thinned(rows: list[Row]) -> list[Row]:
    """All validation rows, and means of training rows: of those whose steps lie in one part of POINTS."""
    parts: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        part = row.step if row.split == "validation" else (row.step - 1) * POINTS // rows[-1].step
        parts.setdefault((row.split, part), []).append(row)
    kept = [dataclasses.replace(part[-1], nats=fmean(row.nats for row in part)) for part in parts.values()]
    return sorted(kept, key=lambda row: (row.step, row.seconds))


def write_curve(name: str, runs: list[Path], packaged: bool) -> None:
    """The picture of nats against time of runs that went on from one another, their table, and their numbers.

    With `packaged` the first one went on from the packaged weights, whose numbers are those beside the picture.
    """
    numbers = PICTURES / f"{name}-curve.csv"
    kept = read_csv(numbers, CURVE) if packaged else []
    rows = [Row(int(row["step"]), row["split"], float(row["nats"]), float(row["seconds"])) for row in kept]
    for run in runs:
        step, seconds = (rows[-1].step, rows[-1].seconds) if rows else (0, 0.0)
        rows += [
            dataclasses.replace(row, step=step + row.step, seconds=seconds + row.seconds) for row in read_history(run)
        ]
    picture = PICTURES / f"{name}-curve.png"
    draw_history(rows, picture)
    write_csv(numbers, CURVE, ((r.step, r.split, f"{r.nats:.4f}", f"{r.seconds:.1f}") for r in thinned(rows)))
    lines = ["| after | steps | training nats | validation nats |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(one.words())} |" for one in milestones(rows)]
    replace(name, {"curve": "\n" + "\n".join(lines) + "\n"})
    print(f"{picture.name}: {len(rows)} rows, until step {rows[-1].step}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", type=Path, help="a run of `pixelsnail train`")
    parser.add_argument("--data", metavar="SOURCE", help="mnist:FOLDER, or photos, whose test images are evaluated")
    parser.add_argument("--name", default="mnist", help="name in the package (default mnist)")
    parser.add_argument("--recipe", default="mnist-fast", help="the recipe's name (default mnist-fast)")
    parser.add_argument(
        "--after", metavar="RUN", action="append", default=[], help="what it went on from, the first one first"
    )
    parser.add_argument("--share", type=float, default=1.0, help="package a mean of weights: so much of the run's")
    parser.add_argument("--binarizations", type=int, default=10, help="draws of each test image (default 10)")
    parser.add_argument("--limit", type=int, help="only the first test images, for a trial")
    parser.add_argument("--device", default="cpu", help="where to evaluate (default cpu)")
    parser.add_argument("--curve-only", action="store_true", help="only the curve, of a run that may not be over")
    options = parser.parse_args()
    if options.curve_only:
        write_curve(options.name, [options.run], options.name in options.after)
        return
    if options.data is None:
        parser.error("--data is missing; expected mnist:FOLDER")
    digits = options.data.startswith("mnist")
    about = known(options.run, options.recipe, held_out(options.run), digits)
    runs = [Path(run) for run in options.after if (Path(run) / "recipe.yaml").is_file()]
    if options.after:
        earlier = [
            known(Path(run), options.recipe, held_out(Path(run)), digits)
            if Path(run) in runs
            else checkpoints.about(run)
            for run in options.after
        ]
        about = added(about, earlier)
    model = checkpoints.load(options.run)
    if options.share < 1:
        model = mean(model, checkpoints.load(options.name), options.share)
        held = data.open(options.data, "validation", binarize="dynamic", validation=held_out(options.run))
        about["validation_nats"] = evaluation.evaluate(model, held).nats
        about["weights"] = f"{options.share:g} of this and the rest of the training before, {about['weights']}"
    half = rounded(model)
    model = copy.deepcopy(half).float()  # what loading gives
    about |= judge(model.to(options.device), options.data, options.binarizations, options.limit)
    checkpoints.save(half, PACKAGED / options.name, about=about)
    print("\n".join(f"{name}: {value}" for name, value in about.items()))
    pictures.write_png(pictures.grid(model.cpu().sample(64), model.levels), PICTURES / f"{options.name}-samples.png")
    hours = about["seconds"] / 3600
    names = ("test_nats", "test_nats_of_order_0")
    told = [f"{about[name]:.2f} +- {about[f'{name}_standard_error']:.2f}" for name in names if name in about]
    marks = dict(zip(("nats", "order_0"), told, strict=False))
    marks["tested"] = str(about["test_on"]).partition(", ")[2]
    marks["trained"] = f"{about['epochs']:.1f} epochs, {hours:.1f} hours"
    replace(options.name, marks)
    if (options.run / "metrics.csv").is_file():
        write_curve(options.name, [*runs, options.run], options.name in options.after)


if __name__ == "__main__":
    main()
