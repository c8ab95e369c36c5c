"""What arguments several commands take, each with its form, its meaning and its default."""

import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from pixelsnail.cli.errors import UsageError
from pixelsnail.errors import WrongValueError

SOURCES = "mnist-mini, mnist:FOLDER, folder:PATH, npz:PATH, hf:NAME or photos"


@dataclass(frozen=True)
class Form:
    """How an argument is written: `metavar` stands for it, `read` takes a word or raises ValueError with what was
    expected."""

    metavar: str
    read: Callable[[str], Any]

    def __call__(self, kind: Any, tokens: Sequence[Token]) -> Any:
        """The value of the words that were given; a list where the argument is one."""
        values = []
        for token in tokens:
            try:
                values.append(self.read(token.value))
            except ValueError as error:
                raise UsageError(f"{token.keyword or self.metavar} is {token.value!r}; expected {error}.") from None
        return values if typing.get_origin(kind) is list else values[0]


def form(metavar: str, read: Callable[[str], Any]) -> Parameter:
    """An argument of this form, one word each."""
    return Parameter(converter=Form(metavar, read), n_tokens=1)


def whole(least: int) -> Callable[[str], int]:
    """Reads a whole number of at least `least`."""

    def read(text: str) -> int:
        digits = text.removeprefix("+")
        if not (digits.isascii() and digits.isdecimal() and int(digits) >= least):
            raise WrongValueError(f"a whole number of at least {least}")
        return int(digits)

    return read


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise WrongValueError("a number above 0")
    return value


def _rate(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1:
        raise WrongValueError("a share above 0 and below 1, such as 0.05")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise WrongValueError("a number of at least 0")
    return value


def _at_least_minus_one(text: str) -> float:
    value = _number(text)
    if not -1 <= value < math.inf:
        raise WrongValueError("a number of at least -1")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise WrongValueError("a share above 0 and at most 1")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def sizes(metavar: str) -> Callable[[str], tuple[int, ...]]:
    """Reads whole numbers of at least 1 that are parted by x, as many as in `metavar`: 28x28 for HxW."""

    def read(text: str) -> tuple[int, ...]:
        parts = text.lower().split("x")
        if len(parts) != len(metavar.split("x")) or not all(part.isdecimal() and int(part) > 0 for part in parts):
            raise WrongValueError(
                f"{metavar}, such as {metavar.replace('C', '1').replace('H', '28').replace('W', '28')}"
            )
        return tuple(int(part) for part in parts)

    return read


def _pixel(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise WrongValueError("ROW,COLUMN, such as 21,14")
    return int(parts[0]), int(parts[1])


def _path(text: str) -> Path:
    """A path; ~ is the home folder where the shell has left it."""
    return Path(text).expanduser()


Count = Annotated[int, form("N", whole(1))]
Whole = Annotated[int, form("N", whole(0))]
Positive = Annotated[float, form("T", _positive)]
NotNegative = Annotated[float, form("T", _not_negative)]
AtLeastMinusOne = Annotated[float, form("W", _at_least_minus_one)]
Share = Annotated[float, form("P", _share)]
Rate = Annotated[float, form("SHARE", _rate)]
Size = Annotated[tuple[int, int], form("HxW", sizes("HxW"))]
Shape = Annotated[tuple[int, int, int], form("CxHxW", sizes("CxHxW"))]
Pixel = Annotated[tuple[int, int], form("ROW,COLUMN", _pixel)]
Pixels = Annotated[list[tuple[int, int]], form("ROW,COLUMN", _pixel)]
File = Annotated[Path, form("FILE", _path)]
Files = Annotated[list[Path], form("FILE", _path)]
Folder = Annotated[Path, form("DIR", _path)]
RunPath = Annotated[Path, form("RUN", _path)]

Data = Annotated[str, form("SOURCE", str)]
Mask = Annotated[str, form("WHAT", str)]
Name = Annotated[str, form("RUN", str)]

RUN = "folder of a run or of a model, hf:OWNER/NAME, or mnist, which comes with pixelsnail"
Run = Annotated[Name, Parameter(help=RUN)]
Weights = Annotated[
    Literal["best", "last"], Parameter(help="best: those with the lowest validation nats; last: the latest")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], Parameter(help="where to compute; auto takes a GPU where there is one")
]
Batch = Annotated[Count, Parameter(help="images at a time: changes speed and memory, never the result")]
Seed = Annotated[Whole, Parameter(help="image i depends on the seed and i alone")]
Figure = Annotated[File, Parameter(help="figure, FILE.png or FILE.svg")]
Context = Annotated[
    Annotated[int, form("LABEL", whole(0))] | None,
    Parameter(help="the class of all images, for a model that is conditioned on classes (default: the images' labels)"),
]
Order = Annotated[
    Annotated[int, form("K", whole(0))] | None,
    Parameter(
        help="raster order 0 ... 7, of a model of several: from the right where K & 1, from the bottom where K & 2, "
        " along columns where K & 4 (default: as said above)"
    ),
]
ContextData = Annotated[
    Data | None,
    Parameter(
        help="source of the images' maps, for a model that is conditioned on maps, as npz:codes.npz#top (default: the "
        "maps of the run's own images)"
    ),
]
Limit = Annotated[Count | None, Parameter(help="only the first N images (default: all)")]
Overwrite = Annotated[bool, Parameter(help="replace what is there already")]
Json = Annotated[bool, Parameter(help="print one JSON object instead of the table")]
Fields = Annotated[Mapping[str, str], Parameter(parse=False)]
"""Fields of a recipe, --SECTION.KEY VALUE, which no signature names."""


@Parameter(name="*")
@dataclass(frozen=True)
class Computing:
    """Which weights, where and in which floats."""

    weights: Weights = "best"
    device: Device = "auto"
    precision: Annotated[
        Literal["float32", "bfloat16", "float64"], Parameter(help="floats of the weights and layers")
    ] = "float32"
    batch: Batch = 64


@Parameter(name="*")
@dataclass(frozen=True)
class Drawing:
    """How pixels are drawn. All but the seed and the engine change the distribution: likelihoods know nothing of it."""

    seed: Seed = 0
    temperature: Annotated[
        NotNegative,
        Parameter(
            help="divides the logits; 1 draws from the model's own distribution, 0 takes every pixel's likeliest level"
        ),
    ] = 1.0
    guidance: Annotated[
        AtLeastMinusOne,
        Parameter(
            help="draws further towards the class: logits are (1 + W) times those with it, minus W times the others; "
            "for models trained with model.label_dropout; 0 is their own distribution"
        ),
    ] = 0.0
    top_k: Annotated[
        Count | None, Parameter(help="only the N likeliest levels of every pixel, of a Categorical head (default: all)")
    ] = None
    top_p: Annotated[
        Share | None,
        Parameter(
            help="only the fewest likeliest levels of every pixel that hold this share of its probability, of a "
            "Categorical head (default: all)"
        ),
    ] = None
    engine: Annotated[
        Literal["auto", "compiled", "eager", "naive"],
        Parameter(
            help="compiled is a program, made once in about a minute and kept; naive a whole forward pass for every "
            "pixel; auto takes what is faster in all; they differ in time only"
        ),
    ] = "auto"


@Parameter(name="*")
@dataclass(frozen=True)
class Source:
    """Images of a data source."""

    data: Annotated[
        Data | None,
        Parameter(help=f"{SOURCES} (default: what the run was trained on; mnist-mini for the packaged mnist)"),
    ] = None
    split: Annotated[
        Literal["train", "validation", "test", "all"] | None,
        Parameter(
            help="split of the source: train, validation, test or all (default: what training did not see, of the "
            "run's own images; all of other images without splits, else test)"
        ),
    ] = None
    binarize: Annotated[
        Literal["auto", "dynamic", "threshold", "none"],
        Parameter(help="how grey levels become bits: dynamic, threshold or none; auto does as the training did"),
    ] = "auto"
    axes: Annotated[
        Literal["NHW", "NCHW", "NHWC"] | None,
        Parameter(help="axes of arrays whose shape can be read in two ways (default: as in the training)"),
    ] = None
    context: Context = None
    context_data: ContextData = None


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOrFiles(Source):
    """Images of a data source, or image files."""

    images: Annotated[
        Files | None,
        Parameter(
            help="image files instead, also folders and patterns such as 'shots/*.png'; made grey or RGB as the model "
            "is, and binarised by threshold (default: none)",
            consume_multiple=True,
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.images == []:
            raise UsageError("--images has no value; expected --images FILE...")
        if self.data is not None and self.images is not None:
            raise UsageError("--images is not allowed with --data; expected one of them.")


@Parameter(name="*")
@dataclass(frozen=True)
class Beginning:
    """What becomes of a folder that holds earlier work."""

    resume: Annotated[bool, Parameter(help="go on with what is in the folder")] = False
    overwrite: Overwrite = False

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise UsageError("--overwrite is not allowed with --resume; expected one of them.")
