"""Our PixelSNAILPrior with the weights of rosinality's prior is that prior (tests/golden/README.md)."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail import checkpoints
from pixelsnail.checkpoints.rosinality import REFERENCE, _as_ours
from tolerance import assert_close

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = ["rosinality_top_a", "rosinality_top_a_ch32", "rosinality_bottom_a"]


def read(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    described = json.loads((GOLDEN / f"{name}.json").read_text())
    return arrays, described["config"]


def part(arrays, prefix):
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def context_of(arrays):
    return arrays["context"][:, None] if "context" in arrays else None


def convert(state, config=None, **options):
    return checkpoints.convert("rosinality", "PixelSNAIL", config or {}, state, **options)


@pytest.mark.parametrize("file", FILES)
def test_logits_nats_and_gradients_agree(file):
    arrays, config = read(file)
    model = convert(part(arrays, "state/"), config)
    x, context = arrays["x"][:, None], context_of(arrays)
    logits, expected = model(x, context=context), arrays["logits"]
    assert_close(logits, expected, rtol=0, atol=1e-5 * max(1, expected.abs().max().item()))
    nats = model.pixel_nats(x, context).sum((1, 2))
    assert_close(nats, arrays["nats"], rtol=1e-5)
    assert_close(-model.log_prob(x, context).float(), arrays["nats"], rtol=1e-5)
    assert_close(nats.mean(), arrays["loss"], rtol=1e-5)
    nats.mean().backward()
    ours, stored = dict(model.named_parameters()), part(arrays, "grad/")
    assert len(stored) >= 9
    for name, gradient in stored.items():
        name, expected = _as_ours(name, gradient)
        name = REFERENCE.rename(name)
        found, layer = ours[name].grad, model.get_submodule(name.rpartition(".")[0])
        mask = getattr(layer, "mask", None)
        if mask is not None and name.endswith("weight"):
            assert not found[..., mask == 0].any()
            expected = expected * mask
        noise = 1e-5 if name.endswith(".key.bias") else 0.0  # its gradient is zero but for rounding
        atol = max(noise, 1e-4 * expected.abs().max().item() * (noise == 0))
        assert_close(found, expected, rtol=0, atol=atol, msg=name)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("seed", [0, 1])
def test_taps_without_effect_have_none_whatever_they_hold(file, seed):
    """Checkpoints hold what an optimiser's last step left there; the norm is that of the others."""
    arrays, _ = read(file)
    state = part(arrays, "state/")
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in state.items():
        if ".resblocks." in name and name.endswith("conv.conv.weight_v"):
            k = tensor.shape[-1]
            assert not tensor[:, :, -1, k // 2 :].any()
            state[name] = tensor.clone()
            state[name][:, :, -1, k // 2 :] = torch.randn(tensor[:, :, -1, k // 2 :].shape, generator=generator)
    expected = arrays["logits"]
    found = convert(state)(arrays["x"][:, None], context=context_of(arrays))
    assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("file", FILES)
def test_the_tensors_tell_the_arguments(file):
    arrays, config = read(file)
    state = part(arrays, "state/")
    assert convert(state).configuration == convert(state, config).configuration
    del state["background"]
    with pytest.raises(ValueError, match=r"No tensor shows rosinality PixelSNAIL's shape; say it"):
        convert(state)
    height, width = config["shape"]
    told = convert(state, shape=(1, height, width))
    assert told.shape == (1, height, width)
    assert convert(state, {"shape": config["shape"]}).configuration == told.configuration


def test_the_published_sizes():
    def count(**arguments):
        return sum(p.numel() for p in pixelsnail.PixelSNAILPrior(**arguments).parameters())

    with torch.device("meta"):
        assert count() == 84_873_280
        assert count(shape=(1, 64, 64), attention=False, map_levels=512) == 89_762_816


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_taken_off(prefix):
    """Case C15."""
    arrays, _ = read("rosinality_bottom_a")
    state = part(arrays, "state/")
    x, context = arrays["x"][:, None], context_of(arrays)
    wrapped = convert({prefix + name: tensor for name, tensor in state.items()})
    assert torch.equal(wrapped(x, context=context), convert(state)(x, context=context))


def test_the_names_of_torch_s_newer_weight_normalisation_are_known():
    arrays, _ = read("rosinality_top_a")
    state = part(arrays, "state/")
    renamed = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): tensor
        for name, tensor in state.items()
    }
    x = arrays["x"][:, None]
    assert torch.equal(convert(renamed)(x), convert(state)(x))


@pytest.mark.parametrize("damage", ["missing", "extra", "shape"])
@pytest.mark.parametrize("name", ["weight_g", "weight_v", "bias"])
def test_every_tensor_that_does_not_fit_is_named(damage, name):
    state = part(read("rosinality_top_a")[0], "state/")
    layer = "blocks.1.causal_attention.value."
    if damage == "missing":
        del state[layer + name]
    elif damage == "extra":
        state[f"blocks.1.surplus.{name}"] = torch.zeros(3)
    else:
        state[layer + name] = state[layer + name][:-1]
    with pytest.raises(ValueError, match=r"blocks\.1\.(value|surplus).*Nothing was loaded"):
        convert(state)


def test_arguments_that_cannot_be_are_refused():
    arrays, config = read("rosinality_top_a")
    state = part(arrays, "state/")
    with pytest.raises(ValueError, match="did you mean 'channel'"):
        convert(state, {"channels": 32})
    with pytest.raises(ValueError, match="does not fit"):
        convert(state, {**config, "n_res_block": 3})
    with pytest.raises(ValueError, match="16 codes"):
        convert(state, levels=512)
    with pytest.raises(ValueError, match="3 channels"):
        convert(state, shape=(3, 8, 6))
    with pytest.raises(ValueError, match="did you mean 'PixelSNAIL'"):
        checkpoints.convert("rosinality", "PixelSNAI", {}, state)


def checkpoint(target, file="rosinality_bottom_a", prefix="", **args):
    """A file as the training script writes it."""
    arrays, _ = read(file)
    state = {prefix + name: tensor for name, tensor in part(arrays, "state/").items()}
    options = {"hier": "bottom", "channel": 32, "n_res_block": 2, "dropout": 0.25, "lr": 3e-4, "path": "codes", **args}
    torch.save({"model": state, "args": Namespace(**options)}, target)
    return arrays


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_of_the_training_script_is_read_with_its_arguments(tmp_path, prefix):
    arrays = checkpoint(tmp_path / "pixelsnail_bottom_420.pt", prefix=prefix)
    model, told = checkpoints.import_file(tmp_path / "pixelsnail_bottom_420.pt", "rosinality")
    assert model.configuration["dropout"] == 0.25
    assert (told["reference"], told["hierarchy"]) == ("PixelSNAIL", "bottom")
    expected = arrays["logits"]
    found = model(arrays["x"][:, None], context=context_of(arrays))
    assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    model, _ = checkpoints.import_file(tmp_path / "pixelsnail_bottom_420.pt", "rosinality", config={"dropout": 0.5})
    assert model.configuration["dropout"] == 0.5


def test_tensors_of_a_gpu_are_read_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
    arrays = checkpoint(tmp_path / "x.pt")
    monkeypatch.undo()
    model, _ = checkpoints.import_file(tmp_path / "x.pt", "rosinality")
    assert model.device.type == "cpu"
    assert model.log_prob(arrays["x"][:, None], context_of(arrays)).isfinite().all()


class Harm:
    def __reduce__(self):
        return print, ("code was run",)


def test_nothing_but_arguments_is_unpickled(tmp_path, capsys):
    checkpoint(tmp_path / "x.pt", path=Harm())
    with pytest.raises(ValueError, match="holds code, which is never run"):
        checkpoints.import_file(tmp_path / "x.pt", "rosinality")
    assert "code was run" not in capsys.readouterr().out
    checkpoint(tmp_path / "y.pt")
    with pytest.raises(Exception, match="Namespace"):  # allowed while a file is read, and not after
        torch.load(tmp_path / "y.pt", weights_only=True)


def test_a_wrong_project_is_named(tmp_path):
    checkpoint(tmp_path / "x.pt", prefix="module.")
    for project in ("pytorch-generative", "official"):
        with pytest.raises(ValueError, match=rf"look like those of rosinality, not of {project}; say --project ros"):
            checkpoints.import_file(tmp_path / "x.pt", project)
    for name, project in (("official_h12_a", "official"), ("pg_pixelsnail_a", "pytorch-generative")):
        with np.load(GOLDEN / f"{name}.npz") as file:
            np.savez(tmp_path / "y.npz", **part({key: file[key] for key in file.files}, "state/"))
        with pytest.raises(ValueError, match=rf"look like those of {project}, not of rosinality"):
            checkpoints.import_file(tmp_path / "y.npz", "rosinality")
    torch.save({"enc_b.blocks.0.weight": torch.zeros(3)}, tmp_path / "z.pt")
    with pytest.raises(ValueError, match="its VQ-VAE is not a model"):
        checkpoints.import_file(tmp_path / "z.pt", "rosinality")
