"""Heads: what a model's parameters say about a pixel. Each gives a `torch.distributions.Distribution`."""

from pixelsnail.distributions.bernoulli import Bernoulli, BernoulliPixels
from pixelsnail.distributions.categorical import Categorical, CategoricalPixels
from pixelsnail.distributions.choose import HEADS, choose_head
from pixelsnail.distributions.head import Head, PixelDistribution
from pixelsnail.distributions.logistic_mixture import LogisticMixture, LogisticMixturePixels

__all__ = [
    "HEADS",
    "Bernoulli",
    "BernoulliPixels",
    "Categorical",
    "CategoricalPixels",
    "Head",
    "LogisticMixture",
    "LogisticMixturePixels",
    "PixelDistribution",
    "choose_head",
]
