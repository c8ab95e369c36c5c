"""Decisions about images and pixels, at a false-alarm rate that holds for every model and every score.

A threshold is a quantile of the scores of normal images that training did not see. A new normal image is as likely as
any of them to be the most unusual, so that with n of them the ceil((n + 1)(1 - rate))-th smallest score is exceeded
with probability `rate` at most (conformal prediction: Vovk, Gammerman, Shafer 2005; Bates et al. 2021, arXiv
2104.08279).
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.engine import Progress
from pixelsnail.errors import MissingFileError, WrongValueError, reason
from pixelsnail.evaluation.anomaly import MEANINGS, Nats, nats_of
from pixelsnail.files import write_atomically, write_csv
from pixelsnail.models import Model
from pixelsnail.models.fingerprint import fingerprint
from pixelsnail.names import instead
from pixelsnail.nn import Context

VERSION = 1


@dataclass(frozen=True)
class Detector:
    """What normal images taught: plain values, as its JSON file has them.

    model, background   fingerprints, the second None without one
    shape, binarize     of the images
    source              what they were, for people
    rate, pixel_rate    shares of normal images, and of their pixels, that are taken for anomalies at most
    score               by which images are judged
    typical             mean nats of the normal images
    calibration         scores of normal images, sorted, by name
    pixel_threshold     nats above which a pixel is an anomaly
    """

    model: str
    background: str | None
    shape: tuple[int, int, int]
    binarize: str
    source: str
    rate: float
    pixel_rate: float
    score: str
    typical: float
    calibration: dict[str, list[float]]
    pixel_threshold: float
    version: int = VERSION

    @property
    def threshold(self) -> float:
        """The score above which an image is an anomaly."""
        return quantile(torch.tensor(self.calibration[self.score], dtype=torch.float64), self.rate)

    def p_values(self, scores: Tensor, name: str) -> Tensor:
        """The share of normal images, and of the image itself, whose score is at least its own: (N,), float64.

        An image is an anomaly where it is at most the rate, whatever the rate is.
        """
        known = torch.tensor(self.calibration[name], dtype=torch.float64)
        above = len(known) - torch.searchsorted(known, scores.double().cpu())
        return (1 + above).double() / (1 + len(known))

    def save(self, path: str | Path) -> None:
        """Writes the detector, complete or not at all."""
        with write_atomically(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Detector":
        """Reads a detector. Raises FileNotFoundError or ValueError for what is none."""
        path = Path(path)
        if not path.is_file():
            raise MissingFileError(f"There is no detector {path}; make one: pixelsnail detect fit RUN --out {path}.")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] != VERSION or set(content) != {one.name for one in fields(cls)}:
                raise WrongValueError("it has other fields")
            calibration = {str(name): [float(v) for v in values] for name, values in content["calibration"].items()}
            if content["score"] not in calibration or not all(calibration.values()):
                raise WrongValueError("it has no scores")
            plain = {name: float(content[name]) for name in ("rate", "pixel_rate", "typical", "pixel_threshold")}
            shape = tuple(int(n) for n in content["shape"])
            return cls(**{**content, **plain, "calibration": calibration, "shape": shape})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WrongValueError(
                f"{path} is not a detector ({reason(error)}); make one: pixelsnail detect fit RUN --out FILE."
            ) from None

    def check(self, model: Model, images: Images, background: Model | None) -> None:
        """Raises ValueError for another model, background, size or binarisation than it was fitted with."""
        if self.model != fingerprint(model).hex():
            raise WrongValueError(
                f"The detector was fitted to another model (fingerprint {self.model[:8]}, this one has "
                f"{fingerprint(model).hex()[:8]}); fit one to this model: pixelsnail detect fit."
            )
        if tuple(self.shape) != tuple(images.shape):
            raise WrongValueError(
                f"The detector was fitted to images {tuple(self.shape)}, but those of {images.source} are "
                f"{tuple(images.shape)}; fit one to that size."
            )
        if self.binarize != images.binarize:
            raise WrongValueError(
                f"The detector was fitted to images with binarisation {self.binarize}, but {images.source} is read "
                f"with {images.binarize}; say binarize {self.binarize}, or fit one to these."
            )
        other = None if background is None else fingerprint(background).hex()
        if self.background != other:
            wanted = "without a background" if self.background is None else f"with the background {self.background[:8]}"
            raise WrongValueError(f"The detector was fitted {wanted}; give that one, or fit another.")


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector finds in a set of images.

    scores      (N,) by name
    p_values    (N,) by name
    anomalous   (N,), boolean: by the detector's score
    maps        (N, H, W): nats of each pixel
    pixels      (N, H, W), boolean: pixels above the detector's threshold
    """

    scores: dict[str, Tensor]
    p_values: dict[str, Tensor]
    anomalous: Tensor
    maps: Tensor
    pixels: Tensor

    def write_csv(self, path: str | Path, images: Images) -> None:
        """A line an image: index, file and label where there are any, anomalous, pixels, and each score with its p."""
        columns: dict[str, Iterable[object]] = {"index": images.indices.tolist()}
        if images.files is not None:
            columns["file"] = images.files
        if images.labels is not None:
            columns["label"] = images.labels.tolist()
        columns |= {"anomalous": self.anomalous.int().tolist(), "pixels": self.pixels.flatten(1).sum(1).tolist()}
        for name in self.scores:
            columns |= {name: self.scores[name].tolist(), f"p_{name}": self.p_values[name].tolist()}
        write_csv(path, tuple(columns), zip(*columns.values(), strict=True))


def fit(
    model: Model,
    images: Images,
    *,
    rate: float = 0.05,
    pixel_rate: float = 0.01,
    score: str = "nats",
    background: Model | None = None,
    context: Context | None = None,
    batch: int = 64,
    progress: Progress | None = None,
) -> Detector:
    """A detector from normal images that the model was not trained on: at most these shares of new ones are alarms.

    The typical nats are those of every other image, and typicality's threshold comes from the rest. A rate of pixels is
    the expected share in a new normal image. Raises ValueError for rates that so few images cannot hold, for an unknown
    score or one without its background, and as `nats_of` does.
    """
    for name, value in (("rate", rate), ("pixel_rate", pixel_rate)):
        if not 0 < value < 1:
            raise WrongValueError(f"{name} is {value!r}; expected a share above 0 and below 1.")
    if score not in MEANINGS:
        raise WrongValueError(f"There is no score {score!r}; {instead(score, MEANINGS)}")
    least = math.ceil(round(1 / min(rate, pixel_rate), 9)) - 1
    least = 2 * least if score == "typicality" else least
    if len(images) < max(2, least):
        raise WrongValueError(
            f"{images.source} has {len(images)} normal images, and a rate of {min(rate, pixel_rate):g} needs {least}; "
            "give more, or raise the rates."
        )
    found = nats_of(model, images, background=background, context=context, batch=batch, progress=progress)
    typical = found.nats[::2].mean().item()
    scores = found.scores(typical)
    if score not in scores:
        need = "a background model" if score == "ratio" else "images of 1 or 3 channels and at most 256 levels"
        raise WrongValueError(f"score is {score!r}, which needs {need}; take one of {', '.join(scores)}.")
    scores["typicality"] = scores["typicality"][1::2]
    return Detector(
        fingerprint(model).hex(), None if background is None else fingerprint(background).hex(), images.shape,
        images.binarize, f"{images.source} ({images.split}), {len(images)} images", rate, pixel_rate, score, typical,
        {name: values.sort().values.tolist() for name, values in scores.items()}, _pixel_threshold(found, pixel_rate),
    )  # fmt: skip


def detect(
    model: Model,
    images: Images,
    detector: Detector,
    *,
    background: Model | None = None,
    context: Context | None = None,
    batch: int = 64,
    progress: Progress | None = None,
) -> Detection:
    """What a detector finds. Raises as `Detector.check` and `nats_of` do."""
    detector.check(model, images, background)
    found = nats_of(model, images, background=background, context=context, batch=batch, progress=progress)
    scores = {name: one for name, one in found.scores(detector.typical).items() if name in detector.calibration}
    p_values = {name: detector.p_values(one, name) for name, one in scores.items()}
    anomalous = scores[detector.score] > detector.threshold
    return Detection(scores, p_values, anomalous, found.maps, found.maps > detector.pixel_threshold)


def quantile(values: Tensor, rate: float) -> float:
    """The ceil((n + 1)(1 - rate))-th smallest of n values; infinite where there are too few."""
    place = math.ceil(round((len(values) + 1) * (1 - rate), 9))
    return values.sort().values[place - 1].item() if place <= len(values) else math.inf


def _pixel_threshold(found: Nats, rate: float) -> float:
    """The nats that a share `rate` of a new normal image's pixels exceed at most, in expectation.

    The new image counts as if all its pixels did (conformal risk control, Angelopoulos et al. 2022, arXiv 2208.02814).
    """
    values = found.maps.double().flatten()
    place = math.ceil(round((len(found.maps) + 1) * found.maps[0].numel() * (1 - rate), 6))
    return values.kthvalue(place).values.item() if place <= len(values) else math.inf
