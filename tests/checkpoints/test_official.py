"""Our PixelSNAILOriginal and PixelCNNpp with the originals' variables are the originals (tests/golden/README.md)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from official_form import official_nats
from pixelsnail import checkpoints
from pixelsnail.checkpoints.official import NAMES, REFUSED, _as_theirs
from pixelsnail.models import PixelCNNpp, PixelSNAILOriginal
from tolerance import assert_close

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = [
    "official_h12_a",
    "official_smallkey_a",
    "official_smallkey_a_concat_elu",
    "official_pool2_a",
    "pixelcnnpp_a",
    "pixelcnnpp_class_a",
]


def read(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    described = json.loads((GOLDEN / f"{name}.json").read_text())
    return arrays, described["name"], described["config"], tuple(described["shape"])


def part(arrays, prefix):
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def labels(arrays):
    return torch.from_numpy(arrays["h"]).argmax(1) if "h" in arrays else None


@pytest.mark.parametrize("file", FILES)
def test_parameters_nats_and_gradients_agree(file):
    arrays, name, config, shape = read(file)
    model = checkpoints.convert("official", name, config, part(arrays, "state/"), shape=shape)
    x = torch.from_numpy(arrays["x"])
    parameters = model(x.permute(0, 3, 1, 2), context=labels(arrays)).permute(0, 2, 3, 1)
    expected = torch.from_numpy(arrays["parameters"])
    assert_close(parameters, expected, rtol=0, atol=1e-5 * expected.abs().max().item())  # of the largest of them
    nats = official_nats(x, parameters)
    assert_close(nats, torch.from_numpy(arrays["nats"]), rtol=1e-4)  # sums of differences of near-equal numbers
    exact = -model.log_prob(x.permute(0, 3, 1, 2), labels(arrays)).float()
    assert_close(exact, torch.from_numpy(arrays["nats"]), rtol=6e-4)  # what the original's fallback loses
    nats.mean().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.grad)  # so that the views of the weights show gradients
    gradients, stored = _as_theirs(model), part(arrays, "grad/")
    assert len(stored) >= 10
    theirs = torch.cat([torch.from_numpy(value).flatten() for value in stored.values()])
    ours = torch.cat([gradients[key].flatten() for key in stored])
    assert torch.linalg.vector_norm(ours - theirs) < 1e-3 * torch.linalg.vector_norm(theirs)


@pytest.mark.parametrize("file", ["official_init_a", "pixelcnnpp_init_a"])
def test_the_data_dependent_initialisation_agrees(file):
    from pixelsnail.nn.initialization import initialize

    arrays, name, config, shape = read(file)
    before = part(arrays, "before/")
    unit = {key[:-1] + letter: np.full(value.shape[-1], fill, np.float32) for key, value in before.items()
            for letter, fill in (("g", 1), ("b", 0))}  # fmt: skip
    for key, value in before.items():  # a transposed convolution's outputs are its last axis but one
        if "deconv2d" in key:
            unit |= {key[:-1] + letter: unit[key[:-1] + letter][: value.shape[-2]] for letter in "gb"}
    model = checkpoints.convert("official", name, config, before | unit, shape=shape)
    x = torch.from_numpy(arrays["x"]).permute(0, 3, 1, 2)
    assert initialize(model, x) == len(before)
    ours, after = _as_theirs(model), part(arrays, "after/")
    assert set(after) == set(unit)
    for key, value in after.items():
        expected = torch.from_numpy(value)
        assert_close(ours[key], expected, rtol=0, atol=1e-4 * max(1, expected.abs().max().item()), msg=key)
    with torch.no_grad():
        parameters = model(x).permute(0, 2, 3, 1)
    for expected in (arrays["parameters"], arrays["parameters_init"]):
        assert_close(parameters, torch.from_numpy(expected), rtol=0, atol=1e-5 * abs(expected).max())


def test_the_published_sizes():
    def count(model):
        return sum(p.numel() for p in model.parameters())

    with torch.device("meta"):
        assert count(PixelSNAILOriginal()) == 46_180_788
        assert count(PixelSNAILOriginal(mixtures=32)) == 46_237_548
        assert count(PixelSNAILOriginal(blocks=8)) == 30_797_840
        assert count(PixelSNAILOriginal(activation="concat_elu")) == 91_681_320
        assert count(PixelSNAILOriginal(residuals=5)) == 55_636_404
        assert count(PixelCNNpp()) == 53_659_080
        assert count(PixelCNNpp(activation="elu")) == 27_393_480
        assert count(PixelCNNpp(classes=10)) == 53_863_880


def checkpoint(file="official_h12_a"):
    """A checkpoint as the originals write it: averages and the optimiser's slots beside the variables."""
    arrays, name, config, shape = read(file)
    state = part(arrays, "state/")
    everything = {key: np.zeros_like(value) for key, value in state.items()}
    everything |= {f"{key}/ExponentialMovingAverage": value for key, value in state.items()}
    everything |= {"Variable": np.float32(3), "Variable_1": np.zeros(3), "model/Variable_7": np.zeros(2)}
    return arrays, name, config, shape, state, everything


def test_averaged_variables_are_preferred_and_the_optimisers_ignored(tmp_path):
    arrays, name, _, shape, state, everything = checkpoint()
    np.savez(tmp_path / "model.npz", **everything)
    model, told = checkpoints.import_file(tmp_path / "model.npz", "official", name, {}, shape=shape)
    assert told["weights"] == "Polyak average"
    x = torch.from_numpy(arrays["x"]).permute(0, 3, 1, 2)
    plain = checkpoints.convert("official", name, {}, {f"{key}:0": value for key, value in state.items()}, shape=shape)
    assert torch.equal(model(x), plain(x))
    np.savez(tmp_path / "plain.npz", **state)
    assert "no average" in checkpoints.import_file(tmp_path / "plain.npz", "official", name, shape=shape)[1]["weights"]


@pytest.mark.parametrize("file", FILES)
def test_the_variables_tell_the_arguments(file):
    arrays, name, config, shape = read(file)
    told = {key: value for key, value in config.items() if key == "att_downsample"}
    model = checkpoints.convert("official", name, told, part(arrays, "state/"), shape=shape)
    whole = checkpoints.convert("official", name, config, part(arrays, "state/"), shape=shape)
    assert model.configuration == whole.configuration


@pytest.mark.parametrize("damage", ["missing", "extra", "shape"])
def test_every_variable_that_does_not_fit_is_named(damage):
    _, name, config, shape, state, _ = checkpoint()
    if damage == "missing":
        del state["model/dense_4/g"]
    elif damage == "extra":
        state["model/dense_400/g"] = np.zeros(3)
    else:
        state["model/dense_4/g"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"model/dense_4(00)?/g.*Nothing was loaded"):
        checkpoints.convert("official", name, config, state, shape=shape)


@pytest.mark.parametrize("name", [*REFUSED, "h12_noup"])
def test_what_is_not_offered_is_said(name):
    with pytest.raises(ValueError, match=name) as raised:
        checkpoints.convert("official", name, {}, {})
    assert name not in REFUSED or REFUSED[name] in str(raised.value)


def test_another_model_s_variables_and_arguments_are_refused():
    arrays, _, _, shape = read("pixelcnnpp_a")
    state = part(arrays, "state/")
    for name in NAMES[:-1]:
        with pytest.raises(ValueError, match=r"does not fit|Name the right model"):
            checkpoints.convert("official", name, {}, state, shape=shape)
    with pytest.raises(ValueError, match="did you mean 'nr_filters'"):
        checkpoints.convert("official", "pxpp_spec", {"nr_filter": 8}, state)
    with pytest.raises(ValueError, match="3 channels and 256 levels"):
        checkpoints.convert("official", "pxpp_spec", {}, state, shape=(1, 8, 8))
    with pytest.raises(ValueError, match="divisible by 4"):
        checkpoints.convert("official", "pxpp_spec", {}, state, shape=(3, 9, 8))
    with pytest.raises(ValueError, match="conv2d_0/V is missing"):
        checkpoints.convert("official", "pxpp_spec", {}, {})
