"""Exact-likelihood image models in PyTorch: train, score, sample and complete.

    model = pixelsnail.load("runs/mnist")     # a run, a model folder, or "hf:owner/name"
    model.sample(16, seed=0)                  # (16, C, H, W) integer levels, exact ancestral sampling
    model.log_prob(x)                         # (B,) nats
    model.complete(x, known)                  # keeps known pixels, draws the rest
    pixelsnail.compress(model, x)             # bytes, as many as the likelihood says; `decompress` gives x back

Names load when they are used: `import pixelsnail` itself imports neither torch nor anything heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pixelsnail import checkpoints, data, evaluation, pictures
    from pixelsnail.checkpoints import load
    from pixelsnail.codec import compress, decompress
    from pixelsnail.distributions import Bernoulli, Categorical, LogisticMixture
    from pixelsnail.evaluation import evaluate
    from pixelsnail.evaluation.classification import classify
    from pixelsnail.evaluation.laws import check
    from pixelsnail.models import (
        GatedPixelCNN,
        ImageGPT,
        Model,
        Ordered,
        PixelCNN,
        PixelCNNpp,
        PixelRNN,
        PixelSNAIL,
        PixelSNAILOriginal,
        PixelSNAILPrior,
    )
    from pixelsnail.training.train import train

__all__ = [
    "Bernoulli",
    "Categorical",
    "GatedPixelCNN",
    "ImageGPT",
    "LogisticMixture",
    "Model",
    "Ordered",
    "PixelCNN",
    "PixelCNNpp",
    "PixelRNN",
    "PixelSNAIL",
    "PixelSNAILOriginal",
    "PixelSNAILPrior",
    "__version__",
    "check",
    "checkpoints",
    "classify",
    "compress",
    "data",
    "decompress",
    "evaluate",
    "evaluation",
    "load",
    "pictures",
    "train",
]

_HOMES = {
    "Bernoulli": "distributions",
    "Categorical": "distributions",
    "GatedPixelCNN": "models",
    "ImageGPT": "models",
    "LogisticMixture": "distributions",
    "Model": "models",
    "Ordered": "models",
    "PixelCNN": "models",
    "PixelCNNpp": "models",
    "PixelRNN": "models",
    "PixelSNAIL": "models",
    "PixelSNAILOriginal": "models",
    "PixelSNAILPrior": "models",
    "check": "evaluation",
    "classify": "evaluation",
    "compress": "codec",
    "decompress": "codec",
    "evaluate": "evaluation",
    "load": "checkpoints",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name in _HOMES:
        return getattr(import_module(f"pixelsnail.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"pixelsnail.{name}")
    raise AttributeError(f"module 'pixelsnail' has no attribute {name!r}; its public names are {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return list(__all__)
