"""Crops of the photographs that scikit-image and scikit-learn ship."""

import numpy as np
import pytest

from pixelsnail import data
from pixelsnail.data import photos


def crops(split):
    images = data.open("photos", split)
    return images.batch(np.arange(len(images)), 0).numpy()


def test_the_splits_have_no_photograph_in_common():
    names = [set(found) for found in photos.PHOTOGRAPHS.values()]
    assert sum(map(len, names)) == len(set.union(*names)) == 8
    tested = {crop.tobytes() for split in ("validation", "test") for crop in crops(split)}
    assert not tested & {crop.tobytes() for crop in crops("train")}


def test_crops_are_the_photographs_in_order():
    for split in photos.PHOTOGRAPHS:
        images = data.open("photos", split)
        assert (images.shape, images.levels) == ((3, 32, 32), 256)
        assert len(images) == {"train": 18_881, "validation": 60, "test": 88}[split]
    found = crops("test")
    cat = photos.photograph("chelsea.png", *photos.SCIKIT_IMAGE)
    assert cat.shape == (150, 225, 3)
    assert np.array_equal(found[8].transpose(1, 2, 0), cat[32:64, 32:64])  # 7 in a row
    temple = photos.photograph("china.jpg", *photos.SCIKIT_LEARN)
    assert np.array_equal(found[28].transpose(1, 2, 0), temple[:32, :32])
    assert np.array_equal(found[-1].transpose(1, 2, 0), temple[160:192, 288:320])
    images = data.open("photos", "train")
    order = np.array([17_000, 3, 3_300])
    assert np.array_equal(images.batch(order, 0).numpy(), crops("train")[order])


def test_halving_is_the_rounded_mean_of_four(monkeypatch, tmp_path):
    from PIL import Image

    (tmp_path / "data").mkdir()
    levels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "data/one.png")
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(photos, "find_spec", lambda name: spec)
    half = photos.photograph("one.png", "anything", "data")
    assert half.shape == (2, 3, 3)
    assert np.array_equal(half[1, 2], np.floor(levels[2:4, 4:6].mean((0, 1)) + 0.5))
    with pytest.raises(FileNotFoundError, match=r"no photograph .*two\.png"):
        photos.photograph("two.png", "anything", "data")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pixelsnail\[photos\]'"):
        data.open("photos", "test")


def test_the_paper_s_recipes_are_the_published_ones():
    from pixelsnail.models import MODELS
    from pixelsnail.training.recipe import read

    for name, published in (("cifar10", 46_180_788), ("imagenet32", 46_237_548)):
        recipe = read(name)
        import torch

        with torch.device("meta"):
            arguments = {key: value for key, value in recipe.model.items() if key != "name"}
            model = MODELS[recipe.model["name"]](**arguments)
        assert sum(p.numel() for p in model.parameters()) == published
        assert recipe.optimizer.eps * recipe.data.batch**2 == 1e-6
        assert recipe.optimizer.eps_inside
    assert read("photos").data.source == "photos"
