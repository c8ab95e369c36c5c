"""One network trained on eight raster orders: which order an image is seen in is a function of (seed, epoch, index)."""

import pytest
import torch

import pixelsnail
from pixelsnail import data
from pixelsnail.models import Ordered
from pixelsnail.training import RunFolder, read
from pixelsnail.training.batches import Batches


def test_training_on_eight_orders_goes_on_where_it_stopped(tiny, tmp_path):
    recipe = tiny(**{"data.orders": 8})
    pixelsnail.train(recipe, out=tmp_path / "whole")
    pixelsnail.train(recipe, out=tmp_path / "parts", **{"trainer.max_steps": 5})
    pixelsnail.train(recipe, out=tmp_path / "parts", resume=True)
    whole, parts = (pixelsnail.load(tmp_path / name, weights="last") for name in ("whole", "parts"))
    assert isinstance(whole, Ordered)
    assert whole.orders == 8
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)
    kept = read(RunFolder(tmp_path / "whole").recipe)
    assert kept.data.orders == 8
    assert kept.model["name"] == "PixelSNAIL"
    assert kept.model["classes"] == 0
    with pytest.raises(ValueError, match=r"data\.orders is 4, but .* was trained with 8"):
        pixelsnail.train(tiny(**{"data.orders": 4}), out=tmp_path / "parts", resume=True)


def test_orders_are_drawn_anew_each_epoch_and_again_the_same(source):
    model = Ordered({"model": "PixelSNAIL", "shape": (1, 6, 5), "channels": 4, "blocks": 1})
    images = data.open(source, "train", binarize="dynamic")

    def orders(seed, epoch):
        batches = Batches(images, 8, seed, condition=model.condition)
        return batches.at(torch.arange(len(images)), epoch)[1]["order"]

    first = orders(0, 0)
    assert torch.equal(orders(0, 0), first)
    assert not torch.equal(orders(0, 1), first)
    assert not torch.equal(orders(1, 0), first)
    assert set(first.tolist()) == set(range(8))
    some = Batches(images, 8, 0, condition=model.condition).at(torch.tensor([7, 3]), 0)[1]["order"]
    assert torch.equal(some, first[[7, 3]])


def test_a_run_of_one_order_gives_the_first_weights(tiny, tmp_path):
    one = pixelsnail.train(tiny(), out=tmp_path / "one")
    still = {"data.orders": 8, "optimizer.lr": 0.0, "trainer.max_steps": 1}
    model = pixelsnail.train(tiny(**still), out=tmp_path / "eight", init=tmp_path / "one")
    x = data.open(tiny()["data"]["source"], "validation").as_like(one.shape, 2).batch(range(5))
    assert torch.allclose(model.log_prob(x, order=0), one.log_prob(x), atol=1e-4)
    assert torch.allclose(model.log_prob(x, order=3), one.log_prob(x.flip(2, 3)), atol=1e-4)
    assert not torch.allclose(model.log_prob(x), one.log_prob(x), atol=1e-2)


def test_a_recipe_of_orders_that_cannot_be_is_refused(tiny, tmp_path):
    with pytest.raises(TypeError, match=r"data\.orders is 3; expected one of 1, 2, 4, 8"):
        pixelsnail.train(tiny(**{"data.orders": 3}), out=tmp_path / "run")
    other = tiny(model={"name": "PixelCNN", "channels": 4, "layers": 1, "head_channels": 4}, **{"data.orders": 8})
    with pytest.raises(ValueError, match="PixelCNN takes no class labels"):
        pixelsnail.train(other, out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"model\.name is Ordered; .* data\.orders"):
        pixelsnail.train(tiny(model={"name": "Ordered"}), out=tmp_path / "run")


def test_the_packaged_recipe_is_the_packaged_model_in_eight_orders():
    recipe = read("mnist-orders")
    configuration = pixelsnail.load("mnist").configuration
    assert recipe.data.orders == 8
    assert {**configuration, **recipe.model, "name": 0} == {**configuration, "name": 0}
