"""Images in memory, in place of the source that a recipe names."""

from dataclasses import replace

from pixelsnail.data import Images, from_arrays
from pixelsnail.data.given import Arrays
from pixelsnail.data.rules import hold_out
from pixelsnail.errors import WrongValueError
from pixelsnail.training.recipe import Recipe


def take(plan: Recipe, data: Arrays, validation: Arrays | None = None) -> tuple[Images, Images | None]:
    """The images to train on and those to judge by, as the recipe's `data` section reads them.

    They are binarised as that says or, where it does not, as they are: Images that were opened with binarize="dynamic"
    stay so. Of the training images `data.validation` are held out, by a hash of their numbers.
    """
    section = plan.data
    images = _read(plan, data, "train", section.levels)
    if validation is None and not section.validation:
        return images, None
    if validation is not None and section.validation:
        raise WrongValueError(
            f"data.validation is {section.validation} beside validation images that are given; expected one of the two."
        )
    if validation is not None:
        judged = _read(plan, validation, "validation", images.store.levels)
        if (judged.shape, judged.levels) != (images.shape, images.levels):
            raise WrongValueError(
                f"The validation images are {judged.shape} of {judged.levels} levels, but the training images "
                f"{images.shape} of {images.levels}; expected alike."
            )
        return images, judged
    if section.validation >= len(images):
        raise WrongValueError(f"data.validation is {section.validation}, but there are {len(images)} images.")
    train, held = hold_out(len(images), section.validation)
    judged = replace(images.subset(held), split="validation", division="")
    return replace(images.subset(train), division=f"{section.validation:,} held out for validation, by a hash"), judged


def _read(plan: Recipe, data: Arrays, split: str, levels: int | None) -> Images:
    section = plan.data
    name = "the images given" if split == "train" else "the validation images given"
    images = from_arrays(data, levels=levels, axes=section.axes, name=name)
    if levels not in (None, images.store.levels):
        raise WrongValueError(
            f"{images.source} has {images.store.levels} levels; expected {levels}: open it with levels={levels}."
        )
    return replace(images, split=split, seed=plan.seed, binarize=section.binarize or images.binarize)
