"""A model of p(x | label) as a classifier: p(label | x) by Bayes' rule, exactly."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.data.given import Arrays
from pixelsnail.engine import Progress
from pixelsnail.errors import WrongValueError
from pixelsnail.evaluation.scan import images_of
from pixelsnail.evaluation.scores import columns_of, score
from pixelsnail.files import write_csv
from pixelsnail.models import Model
from pixelsnail.nn import Context


@dataclass(frozen=True, eq=False)
class Classification:
    """What each label says of each image.

    nats    (N, K), float64: -log p(x | label)
    prior   (K,), float64: p(label) before the image is seen; sums to 1
    """

    nats: Tensor
    prior: Tensor

    @property
    def posterior(self) -> Tensor:
        """p(label | x) = p(x | label) p(label) / sum over labels of the same: (N, K), float64."""
        return (self.prior.log() - self.nats).softmax(1)

    @property
    def best(self) -> Tensor:
        """The label with the largest posterior, of equal ones the lowest: (N,)."""
        return self.posterior.argmax(1)

    @property
    def marginal_nats(self) -> Tensor:
        """-log p(x) with p(x) = sum over labels of p(x | label) p(label): (N,), float64."""
        return -(self.prior.log() - self.nats).logsumexp(1)

    def accuracy(self, labels: Tensor) -> tuple[float, float]:
        """The share of images whose best label is theirs, and its standard error sqrt(a (1 - a) / N)."""
        share = (self.best == labels.cpu()).double().mean().item()
        return share, math.sqrt(share * (1 - share) / len(labels))

    def write_csv(self, path: str | Path, images: Images | None = None) -> None:
        """Writes index, best, posterior (of the best), nats_0, nats_1, ..., a line for each image; complete or not at
        all. With the `images` there are their file, label and class too, where they have any.
        """
        columns: dict[str, Iterable[object]] = {"index": range(len(self.nats))}
        if images is not None:
            columns |= columns_of(images)
        columns["best"] = self.best.tolist()
        columns["posterior"] = self.posterior.amax(1).tolist()
        columns |= {f"nats_{label}": self.nats[:, label].tolist() for label in range(self.nats.shape[1])}
        write_csv(path, tuple(columns), zip(*columns.values(), strict=True))


def classify(
    model: Model,
    x: Arrays,
    *,
    prior: Sequence[float] | Tensor | None = None,
    context: Mapping[str, Tensor] | None = None,
    batch: int = 64,
    progress: Progress | None = None,
) -> Classification:
    """Which label each image of x has, as `score` takes them: p(label | x) by Bayes' rule.

    `prior` is p(label) of the classes 0 ... K - 1, in shares or counts; None takes all as likely. It costs K times what
    `score` does. Labels that images have are not looked at. What else a model is conditioned on comes from the set of
    images, or is `context` by name, as `{"map": ...}`. `progress` is called with (images done, images in all), counting
    each label. Raises ValueError for a model that takes no labels and as `score` does.
    """
    classes = model.classes
    if not classes:
        raise WrongValueError(
            f"This model has no class labels to choose among: it is conditioned on {model.condition.words}; expected "
            "one that was trained with classes."
        )
    shares = _prior(prior, classes)
    x = x if isinstance(x, Tensor) else images_of(model, x)
    nats = torch.zeros(len(x), classes, dtype=torch.float64)
    for label in range(classes):
        tell = None if progress is None else partial(_tell, progress, label, classes)
        if isinstance(x, Images):
            found = score(model, x.labelled(label), batch=batch, progress=tell)
        else:
            found = score(model, x, context=_with(label, len(x), context), batch=batch, progress=tell)
        nats[:, label] = found.nats
    return Classification(nats, shares)


def _with(label: int, count: int, others: Mapping[str, Tensor] | None) -> Context:
    labels = torch.full((count,), label)
    return labels if others is None else {**others, "labels": labels}


def _prior(prior: Sequence[float] | Tensor | None, classes: int) -> Tensor:
    if prior is None:
        return torch.full((classes,), 1 / classes, dtype=torch.float64)
    shares = torch.as_tensor(prior, dtype=torch.float64).cpu()
    if shares.shape != (classes,) or not bool((shares >= 0).all() and 0 < shares.sum() < math.inf):
        raise WrongValueError(
            f"prior is {shares.tolist()}; expected a share or count of each of the {classes} classes, none below 0."
        )
    return shares / shares.sum()


def _tell(progress: Progress, label: int, classes: int, done: int, count: int) -> None:
    progress(label * count + done, classes * count)
