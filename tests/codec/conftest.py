"""A tiny model, and a file that it made."""

import pytest

import pixelsnail
from tiny import pixelsnail as build
from tiny import random_levels


@pytest.fixture(scope="session")
def model():
    return build((1, 3, 4), 2)


@pytest.fixture(scope="session")
def images():
    return random_levels(2, (3, 1, 3, 4), seed=5)


@pytest.fixture(scope="session")
def data(model, images):
    return pixelsnail.compress(model, images, names=["a.png", "b/c.png", "ü.png"])
