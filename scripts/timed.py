"""Trains a recipe for a given time: measures what its steps take here, then lets the last one end with the time.

    python scripts/timed.py mnist-gpu --minutes 10 --data mnist:FOLDER --out RUN [--optimizer.matrix_lr 0.02 ...]
    python scripts/timed.py mnist-fast --minutes 120 --model.channels 64 --data mnist:FOLDER --out RUN

The learning rate of a recipe whose `optimizer.cooldown` is a share then decays in that share of any time. Measuring and
compiling come off the time; a tenth is left to validations. Prints the steps and the command that evaluates the run.
"""

import argparse
import time
from pathlib import Path

from pixelsnail import training
from pixelsnail.comparison.budget import steps_within, with_steps

VALIDATIONS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's file or name")
    parser.add_argument("--minutes", type=float, required=True, help="from now to the end of training")
    parser.add_argument("--out", metavar="RUN", type=Path, required=True, help="folder of the run; replaced")
    parser.add_argument("--data", metavar="SOURCE", help="the images (default: the recipe's)")
    options, rest = parser.parse_known_args()
    start = time.monotonic()
    fields = {name.removeprefix("--"): value for name, value in zip(rest[::2], rest[1::2], strict=True)}
    recipe = training.read(options.recipe, fields if options.data is None else {"data": options.data, **fields})
    each = 3600 / steps_within(3600, recipe)
    left = 60 * options.minutes - (time.monotonic() - start)
    steps = max(1, int(left * (1 - VALIDATIONS) / each))
    print(f"{each:.4f} s a step, {left:.0f} s left: {steps:,} steps", flush=True)
    training.train(with_steps(recipe, steps), out=options.out, overwrite=True, progress=True)
    print(f"{time.monotonic() - start:.0f} s in all; pixelsnail evaluate {options.out} --binarizations 10")


if __name__ == "__main__":
    main()
