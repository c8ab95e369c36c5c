"""Data sets of the Hugging Face hub, or local folders in one of its forms."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data import hub_images, rules
from pixelsnail.data.contents import Content, Named
from pixelsnail.data.rules import Unusable
from pixelsnail.data.store import Array, Labels, Store, keyed
from pixelsnail.errors import MissingFileError, MissingPackageError, WrongValueError, reason

LABELS = ("label", "labels", "fine_label", "target", "targets", "class", "cls", "y")
"""Columns of labels, where none is of class labels."""
PATIENCE = 3.0
"""Seconds within which the hub's machine has to answer."""


def open_hub(name: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a data set with a column of images: a name on the hub, or a folder.

    A folder is one that `datasets` itself saved, or one of images or data files. Images stay in memory-mapped files and
    are decoded batch by batch, so that ImageNet needs no streaming: in a stream an image has no number, on which the
    order of training and a resumed run rest. Labels are the first column of class labels, or one named `label`, ...
    Where any image is RGB, a grey image becomes RGB with three equal channels. `NAME#COLUMN` is that column of images
    or codes, with the same labels.

    Raises ModuleNotFoundError without the extra, FileNotFoundError for a data set that is not there, ValueError for
    one without images.
    """
    name, wanted = keyed(name)
    table = _load(name)
    if wanted is not None:
        table = _columns(name, table, wanted)
    found, unused = _splits(table)
    if not found:
        raise WrongValueError(
            f"hf:{name} has the splits {', '.join(table) or '(none)'}; expected train, validation or test."
        )
    notes = (f"splits not used: {', '.join(unused)}",) if unused else ()
    present = {split: own for split, own in found.items() if len(table[own])}
    return Named(
        {split: partial(_read_split, name, table, own, levels, axes, notes) for split, own in present.items()},
        lambda: any(hub_images.in_colour(f"hf:{name}", table[own]) for own in present.values()),
    )


def _columns(name: str, table: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """The splits with one column of images, and those of labels."""
    import datasets

    found = {}
    for split, rows in table.items():
        if wanted not in rows.features:
            raise WrongValueError(
                f"hf:{name} has the columns {', '.join(rows.features)}; expected {wanted} among them."
            )
        kept = [c for c, feature in rows.features.items() if isinstance(feature, datasets.ClassLabel) or c in LABELS]
        found[split] = rows.select_columns([wanted, *(column for column in kept if column != wanted)])
    return found


def _splits(table: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Split -> its name, of those that mean train, validation or test; and the other names."""
    found: dict[str, str] = {}
    for own in sorted(table, key=lambda own: own not in rules.SPLITS):
        try:
            split = rules.split_of(own)
        except WrongValueError:  # a hub's owner cannot be asked to rename, and the others are what they say
            split = None
        if split is not None:
            found.setdefault(split, own)
    return found, [own for own in table if own not in found.values()]


def _load(name: str) -> Any:
    """Split -> data set."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingPackageError(
            f"hf:{name} needs the library datasets, which is not installed; pip install 'pixelsnail[hf]'."
        ) from None
    folder = Path(name).expanduser()
    away = not folder.is_dir() and not datasets.config.HF_HUB_OFFLINE and not _reachable(datasets.config.HF_ENDPOINT)
    try:
        with ExitStack() as stack:
            stack.enter_context(_quiet_unless_terminal(datasets))
            if away:
                stack.enter_context(_offline(datasets))
            if (folder / "dataset_dict.json").is_file():
                return datasets.load_from_disk(str(folder))
            if (folder / "state.json").is_file():
                return {"train": datasets.load_from_disk(str(folder))}
            return datasets.load_dataset(str(folder) if folder.is_dir() else name)
    except FileNotFoundError as error:
        raise MissingFileError(
            f"hf:{name} is no data set on the hub and no folder of one ({reason(error)}). Give OWNER/NAME or a path."
        ) from None
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        if away:
            raise MissingFileError(
                f"hf:{name} is neither a folder nor in the cache, and {datasets.config.HF_ENDPOINT} cannot be reached; "
                "give a folder or a file (cifar10:FOLDER, npz:PATH, ...), or try again with a network."
            ) from None
        raise WrongValueError(f"hf:{name} cannot be loaded ({reason(error)}).") from None


def _reachable(address: str) -> bool:
    """Whether the machine there, or the proxy on the way to it, answers. The library's own tries take half a minute."""
    import socket
    from urllib.parse import urlsplit
    from urllib.request import getproxies

    scheme = urlsplit(address).scheme
    target = urlsplit(getproxies().get(scheme) or getproxies().get("all") or address)
    try:
        port = target.port or (80 if target.scheme == "http" else 443)
        socket.create_connection((target.hostname or "", port), PATIENCE).close()
    except OSError:
        return False
    return True


@contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """The library looks into its cache alone."""
    from huggingface_hub import constants

    homes: tuple[Any, ...] = (datasets.config, constants)
    before = [home.HF_HUB_OFFLINE for home in homes]
    try:
        for home in homes:
            home.HF_HUB_OFFLINE = True
        yield
    finally:
        for home, value in zip(homes, before, strict=True):
            home.HF_HUB_OFFLINE = value


@contextmanager
def _quiet_unless_terminal(datasets: Any) -> Iterator[None]:
    """No progress bars where stderr is not a terminal."""
    silence = not sys.stderr.isatty() and not datasets.are_progress_bars_disabled()
    if silence:
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        if silence:
            datasets.enable_progress_bars()


def _read_split(
    name: str, table: Mapping[str, Any], own: str, levels: int | None, axes: str | None, notes: tuple[str, ...]
) -> Store:
    labels = {split: _labels(table[split]) for split in table}
    classes = rules.common_classes({split: found for split, found in labels.items() if isinstance(found, Labels)})
    found = labels[own]
    reason = found.reason if isinstance(found, Unusable) else ""
    return hub_images.read(f"hf:{name}", table[own], classes.get(own), reason, levels, axes).noting(*notes)


def _labels(rows: Any) -> Labels | Unusable:
    """Of the first column of class labels, else of one that is named as labels are."""
    import datasets

    named = [column for column, feature in rows.features.items() if isinstance(feature, datasets.ClassLabel)]
    column = next(iter((*named, *(own for own in LABELS if own in rows.features))), None)
    if column is None:
        return Unusable("")
    # As arrays: the labels of ImageNet take 0.4 s, and 20 s as Python's numbers.
    try:
        values: Array = np.asarray(rows.select_columns([column]).with_format("numpy")[:][column])
    except (ValueError, TypeError) as error:
        return Unusable(f"column {column} cannot be read ({reason(error)})")
    if values.dtype.kind == "O" and any(value is None for value in values):
        return Unusable(f"column {column} has no label at {next(i for i, v in enumerate(values) if v is None)}")
    values = values.astype(str) if values.dtype.kind == "O" and all(isinstance(v, str) for v in values) else values
    found = rules.as_labels(values, len(rows), f"column {column}")
    feature = rows.features[column]
    if isinstance(found, Labels) and isinstance(feature, datasets.ClassLabel):
        return Labels(found.values, feature.num_classes, tuple(feature.names))
    return found
