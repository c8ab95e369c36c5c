"""Our models with that project's weights are that project's models (golden files: tests/golden/README.md)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelsnail import checkpoints
from pixelsnail.checkpoints.pytorch_generative import REFERENCES
from tolerance import assert_close, close_to

GOLDEN = Path(__file__).parents[1] / "golden"
TRAINER_FILE = GOLDEN / "pg_trainer_state_3.ckpt"


FILES = {
    "PixelSNAIL": "pg_pixelsnail_a",
    "PixelCNN": "pg_pixelcnn_a",
    "GatedPixelCNN": "pg_gated_pixelcnn_a",
    "ImageGPT": "pg_imagegpt_a",
}
HIDDEN = {"ImageGPT": {"n_attention_heads": 2}}
"""Arguments that no tensor shows."""


def arrays_of(name):
    """A golden file's arrays, its reference's arguments and its state."""
    arrays = np.load(GOLDEN / f"{FILES[name]}.npz")
    config = json.loads((GOLDEN / f"{FILES[name]}.json").read_text())["config"]
    state = {name.removeprefix("state/"): arrays[name] for name in arrays.files if name.startswith("state/")}
    return arrays, config, state


@pytest.fixture(scope="module")
def golden():
    return arrays_of("PixelSNAIL")


def converted(config, state, name="PixelSNAIL", **options):
    return checkpoints.convert("pytorch-generative", name, config, state, **options)


@pytest.mark.parametrize("name", FILES)
def test_logits_nats_loss_and_gradients_agree(name):
    arrays, config, state = arrays_of(name)
    model = converted(config, state, name)
    x, logits, nats = (torch.from_numpy(arrays[name]) for name in ("x", "logits", "nats"))
    assert model.shape == tuple(x.shape[1:])
    assert_close(model(x), logits, rtol=0, atol=1e-5 * max(1, logits.abs().max().item()))
    assert_close(-model.log_prob(x).float(), nats)
    loss = model.pixel_nats(x).sum((1, 2)).mean()
    assert loss.item() == close_to(float(arrays["loss"]))
    loss.backward()
    parameters = dict(model.named_parameters())
    compared = [name.removeprefix("grad/") for name in arrays.files if name.startswith("grad/")]
    assert len(compared) >= 9
    for theirs in compared:
        expected = torch.from_numpy(arrays[f"grad/{theirs}"])
        mask = state.get(theirs.removesuffix("weight") + "mask")
        if mask is not None:  # the reference's own gradients are not zero at taps that are without effect
            expected = expected * torch.from_numpy(mask)
        bound = max(1e-4 * expected.abs().max().item(), 1e-5)
        assert_close(parameters[REFERENCES[name].rename(theirs)].grad, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("name", FILES)
def test_tensors_show_their_model_and_its_arguments(name, tmp_path):
    arrays, _, state = arrays_of(name)
    np.savez(tmp_path / "state.npz", **{f"module.{key}": tensor for key, tensor in state.items()})
    model, told = checkpoints.import_file(tmp_path / "state.npz", "pytorch-generative", config=HIDDEN.get(name))
    assert (type(model).__name__, told["reference"]) == (name, name)
    logits = torch.from_numpy(arrays["logits"])
    x = torch.from_numpy(arrays["x"])
    assert_close(model(x), logits, rtol=0, atol=1e-5 * max(1, logits.abs().max().item()))


def test_a_number_of_heads_is_asked_for():
    _, config, state = arrays_of("ImageGPT")
    shown = {key: value for key, value in config.items() if key != "n_attention_heads"}
    with pytest.raises(ValueError, match=r"No tensor shows .* ImageGPT's n_attention_heads; say it"):
        converted(shown, state, "ImageGPT")
    with pytest.raises(ValueError, match="channels is 16 and heads 3"):
        converted({**shown, "n_attention_heads": 3}, state, "ImageGPT")


@pytest.mark.parametrize("name", FILES)
def test_masked_taps_that_a_file_leaves_are_without_effect(name):
    arrays, config, state = arrays_of(name)
    x = torch.from_numpy(arrays["x"])
    masks = {key.replace(".mask", ".weight"): mask for key, mask in state.items() if key.endswith(".mask")}
    changed = converted(config, {**state, **{key: state[key] + 5.0 * (1 - masks[key]) for key in masks}}, name)
    assert torch.equal(changed(x), converted(config, state, name)(x))
    assert torch.equal(changed.sample(2, seed=1), converted(config, state, name).sample(2, seed=1))


def test_a_checkpoint_of_its_trainer_gives_its_own_figures():
    model, told = checkpoints.import_file(TRAINER_FILE, "pytorch-generative")
    evaluation = np.load(GOLDEN / "pg_trainer_state_3_evaluation.npz")
    with torch.no_grad():
        nats = -model.log_prob(torch.from_numpy(evaluation["x"]))
    assert_close(nats.float(), torch.from_numpy(evaluation["nats"]))
    assert nats.mean().item() == pytest.approx(90.749, abs=1e-3)  # as its project prints it
    assert told["epochs"] == 3
    assert told["steps"] == 564
    assert sum(p.numel() for p in model.parameters()) == 115_089


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."])
def test_every_prefix_of_a_wrapper_is_taken_off(golden, prefix):
    arrays, config, state = golden
    model = converted(config, {prefix + name: tensor for name, tensor in state.items()})
    x = torch.from_numpy(arrays["x"])
    assert torch.equal(model(x), converted(config, state)(x))
    assert not any(name.startswith(("module.", "_orig_mod.")) for name in model.state_dict())


def test_a_state_of_a_model_that_was_never_called_is_accepted(golden):
    _, config, state = golden
    bare = {name: tensor for name, tensor in state.items() if name not in ("_c", "_h", "_w")}
    assert converted(config, bare).shape == (1, 28, 28)
    assert converted(config, bare, shape=(1, 5, 9)).shape == (1, 5, 9)


def test_one_missing_or_misshapen_tensor_of_many_is_named(golden):
    _, config, state = golden
    name, ours = "_pixel_snail_blocks.1._attention._kv.bias", r"blocks\.1\.key_value\.bias"
    with pytest.raises(ValueError, match=ours + " is missing"):
        converted(config, {key: value for key, value in state.items() if key != name})
    with pytest.raises(ValueError, match=ours + r" has shape \(11,\) instead of \(12,\)"):
        converted(config, {**state, name: state[name][:-1]})
    with pytest.raises(ValueError, match="surplus is not part of the model"):
        converted(config, {**state, "surplus": state[name]})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pytorch-generativ", "PixelSNAIL", {}), "did you mean 'pytorch-generative'"),
        (("pytorch-generative", "PixelSnail", {}), "did you mean 'PixelSNAIL'"),
        (("pytorch-generative", "PixelSNAIL", {"n_chanels": 3}), "did you mean 'n_channels'"),
        (("pytorch-generative", "PixelSNAIL", {"n_channels": 8}), "does not fit"),
    ],
)
def test_a_wrong_name_gets_the_nearest_valid_one(golden, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        checkpoints.convert(*arguments, golden[2])


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="are not those of a pytorch-generative PixelSNAIL, PixelCNN"):
        checkpoints.import_file(tmp_path / "other.pt", "pytorch-generative")
    with pytest.raises(ValueError, match=r"are not pytorch-generative PixelSNAIL's: _input\.weight is missing"):
        checkpoints.import_file(tmp_path / "other.pt", "pytorch-generative", "PixelSNAIL")


class Payload:
    def __reduce__(self):
        return (print, ("code ran",))


def test_code_in_a_file_is_never_run(tmp_path, capsys):
    torch.save({"model": Payload()}, tmp_path / "bad.ckpt")
    with pytest.raises(ValueError, match="never run") as refused:
        checkpoints.import_file(tmp_path / "bad.ckpt", "pytorch-generative")
    assert "weights_only" not in str(refused.value)  # torch advises to run the code
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors", ".npz"])
@pytest.mark.parametrize("content", [b"", b"junk" * 100, "half"])
def test_a_damaged_file_is_one_sentence(suffix, content, tmp_path):
    file = tmp_path / f"file{suffix}"
    whole = TRAINER_FILE.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        checkpoints.import_file(file, "pytorch-generative")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        checkpoints.import_file(tmp_path / "none.ckpt", "pytorch-generative")


def test_arrays_and_safetensors_import_like_the_trainers_file(golden, tmp_path):
    from safetensors.torch import save_file

    arrays, _, state = golden
    x, logits = (torch.from_numpy(arrays[name]) for name in ("x", "logits"))
    np.savez(tmp_path / "state.npz", **state)
    save_file({name: torch.from_numpy(value) for name, value in state.items()}, tmp_path / "state.safetensors")
    for name in ("state.npz", "state.safetensors"):
        model, _ = checkpoints.import_file(tmp_path / name, "pytorch-generative")
        assert_close(model(x), logits, rtol=0, atol=1e-5 * max(1, logits.abs().max().item()))
