"""Images that are at hand: files, arrays, tensors, torch's data sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, Subset

from pixelsnail.data import array_files, binarization, folder, image_files, loading, rules
from pixelsnail.data.images import Images
from pixelsnail.data.sources import ALL, check_choice
from pixelsnail.data.store import Array, limited
from pixelsnail.errors import WrongTypeError, WrongValueError

Arrays = Array | Tensor | Sequence[Any] | Dataset[Any] | Images


def from_files(
    paths: str | Path | Sequence[str | Path],
    *,
    like: tuple[Sequence[int], int] | None = None,
    binarize: str = "none",
    levels: SupportsIndex | None = None,
) -> Images:
    """The images that files, folders and patterns (`shots/*.png`) hold, in this order, whole.

    `like` is (shape, levels) of a model: they are made such (`Images.as_like`, binarised by threshold unless
    `binarize` says dynamic), and `read` says how. Raises as `open` does.
    """
    check_choice("binarize", binarize, binarization.MODES)
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise WrongValueError("There are no image files; expected at least one.")
    files, left = folder.expand(listed)
    given = None if levels is None else rules.check_given(levels)
    wanted = like[1] if given is None and like is not None else given
    pages = folder.read_pages(folder.Listing(files, [""] * len(files), left), None, ())
    store = pages.store(wanted)
    if given is not None and given != store.levels:
        store = limited(store, given, "the files", "levels is")
    images = Images(store, np.arange(store.count), "files", ALL, "none" if like else binarize, 0)
    how = "threshold" if binarize == "none" else binarize
    return images if like is None else images.as_like(*like, binarize=how)


def from_arrays(
    x: Arrays,
    labels: Any = None,
    *,
    levels: SupportsIndex | None = None,
    split: str = ALL,
    binarize: str = "none",
    seed: int = 0,
    axes: str | None = None,
    name: str = "arrays",
    maps: Arrays | None = None,
) -> Images:
    """Levels in memory as images: an array or tensor (N, H, W), (N, C, H, W) or (N, H, W, C), or a data set of torch.

    A data set gives levels, or (levels, label), for each index; levels are arrays, tensors or Pillow images. A pair
    (array, labels) is an array with its labels. `levels`, `axes` and labels are understood as in `open`; `name` is what
    messages call it. `maps` are a map of each image (`Images.with_maps`), of as many levels as the largest needs unless
    they are `Images` that say. The array is not copied: leave it as it is while the images are used. Images are given
    back as they are, and torch's `Subset` of Images is a part of them. Raises ValueError or TypeError as `open` does.
    """
    check_choice("split", split, (*rules.SPLITS, ALL))
    check_choice("binarize", binarize, binarization.MODES)
    if maps is not None:
        images = from_arrays(x, labels, levels=levels, split=split, binarize=binarize, seed=seed, axes=axes, name=name)
        return images.with_maps(from_arrays(maps, split=split, name=f"the maps of {name}"))
    own_images = _images(x)
    if own_images is not None:
        return own_images
    if labels is None and isinstance(x, tuple) and loading.is_pair(x):
        x, labels = x
    if isinstance(x, np.ndarray | Tensor):
        array, own = _array(x, name), None
    else:
        array, own = _stacked(x, name)
    found = own if labels is None else ("labels", _array(labels, "labels"))
    given = None if levels is None else rules.check_given(levels)
    store = array_files.build({"": array}, {"": name}, {"": found}, given, axes, [])[""]
    return Images(store, np.arange(store.count), name, split, binarize, seed)


def _images(x: Any) -> Images | None:
    """Images, or a part of them."""
    if isinstance(x, Subset):
        whole = _images(x.dataset)
        return None if whole is None else whole.subset(x.indices)
    return x if isinstance(x, Images) else None


def _array(x: Any, name: str) -> Array:
    if isinstance(x, Tensor):
        return np.asarray((x.float() if str(x.dtype) == "torch.bfloat16" else x).detach().cpu().numpy())
    try:
        return np.asarray(x)
    except ValueError:
        raise WrongValueError(f"{name} is a list of different lengths; expected an array.") from None


def _stacked(items: Any, name: str) -> tuple[Array, tuple[str, Array] | None]:
    """The levels of a data set's items, and their labels where every item is a pair."""
    if not hasattr(items, "__getitem__") or not hasattr(items, "__len__"):
        raise WrongTypeError(
            f"{name} is {type(items).__name__}; expected an array, a tensor, Images or a data set with a length and "
            "indices (a DataLoader has its own: loader.dataset)."
        )
    if len(items) == 0:
        raise WrongValueError(f"{name} is empty; expected at least one image.")
    found: list[Array] = []
    labels: list[Any] = []
    for i in range(len(items)):
        item = items[i]
        pair = isinstance(item, tuple | list) and len(item) == 2
        found.append(_levels(item[0] if pair else item, i, name))
        labels += [item[1]] if pair else []
        if found[i].shape != found[0].shape:
            raise WrongValueError(
                f"Image {i} of {name} has shape {found[i].shape}, but image 0 has {found[0].shape}; expected one shape."
            )
    named = ("labels", np.array([int(label) if hasattr(label, "__int__") else str(label) for label in labels]))
    return np.stack(found), named if len(labels) == len(found) else None


def _levels(item: Any, number: int, name: str) -> Array:
    if hasattr(item, "getbands"):  # a Pillow image, as torchvision's sets give without a transform
        return image_files.decode(item, f"Image {number} of {name}")
    return _array(item, f"Image {number} of {name}")
