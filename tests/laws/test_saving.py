"""What was saved is what is loaded: the same model to the last bit, or a refusal."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import pixelsnail
from pixelsnail import checkpoints
from tiny import MODELS, context_of, every_model, fit, random_levels


@every_model
def test_saving_and_loading_is_the_identity(build, tmp_path):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3)
    checkpoints.save(model, tmp_path / "model", about={"steps": 7})
    loaded = pixelsnail.load(tmp_path)
    x = random_levels(3, (2, *shape))
    assert loaded.configuration == model.configuration
    assert torch.equal(loaded(x, context=context_of(model, 2)), model(x, context=context_of(model, 2)))
    assert checkpoints.about(tmp_path) == {"steps": 7}
    assert not any(name.startswith(("module.", "_orig_mod.")) for name in loaded.state_dict())


@every_model
def test_the_hub_mixin_saves_and_loads_the_same_model(build, tmp_path):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 2)
    model.save_pretrained(tmp_path)
    x = random_levels(2, (2, *shape))
    context = context_of(model, 2)
    for loaded in (type(model).from_pretrained(tmp_path), pixelsnail.load(tmp_path)):
        assert torch.equal(loaded(x, context=context), model(x, context=context))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("damage", ["missing", "extra", "shape"])
def test_nothing_is_loaded_in_part(name, damage, tmp_path):
    model = MODELS[name](fit(MODELS[name], (1, 4, 5)), 2)
    model.save(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    first = sorted(tensors)[0]
    if damage == "missing":
        del tensors[first]
    elif damage == "extra":
        tensors["surplus"] = torch.zeros(1)
    else:
        tensors[first] = tensors[first][..., :1].contiguous().flatten()[:1]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="surplus" if damage == "extra" else first):
        pixelsnail.load(tmp_path)
    with pytest.raises(ValueError, match="does not fit"):
        type(model).from_pretrained(tmp_path)


def test_a_model_of_another_class_is_refused(tmp_path):
    model = MODELS["PixelSNAIL"]((1, 4, 5), 2)
    model.save(tmp_path)
    configuration = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**configuration, "model": "PixelSNAL"}))
    with pytest.raises(ValueError, match="did you mean 'PixelSNAIL'"):
        pixelsnail.load(tmp_path)
    with pytest.raises(ValueError, match="not a PixelSNAIL"):
        pixelsnail.PixelSNAIL.from_pretrained(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}'])
def test_a_damaged_configuration_is_said(content, tmp_path):
    MODELS["PixelSNAIL"]((1, 4, 5), 2).save(tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json"):
        pixelsnail.load(tmp_path)


def test_damaged_weights_are_said(tmp_path):
    MODELS["PixelSNAIL"]((1, 4, 5), 2).save(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04" + whole):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            pixelsnail.load(tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="missing"):
        pixelsnail.load(tmp_path)


def test_a_run_that_stopped_before_its_first_validation_says_so(tmp_path):
    MODELS["PixelSNAIL"]((1, 4, 5), 2).save(tmp_path / "model-last")
    with pytest.raises(FileNotFoundError, match="weights='last'"):
        pixelsnail.load(tmp_path)
    assert pixelsnail.load(tmp_path, weights="last").levels == 2


def test_what_is_not_a_run_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no run"):
        pixelsnail.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="holds no model"):
        pixelsnail.load(tmp_path)
    (tmp_path / "file.ckpt").write_bytes(b"")
    with pytest.raises(ValueError, match="pixelsnail import"):
        pixelsnail.load(tmp_path / "file.ckpt")


def test_a_model_is_shared_with_its_card(tmp_path, monkeypatch):
    """By the hub's own library, which is not asked for the network."""
    sent = {}

    def upload(self, **told):
        sent.update(told, files=sorted(path.name for path in Path(told["folder_path"]).iterdir()))
        return "address"

    created = type("Created", (), {"repo_id": "owner/name"})
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", lambda self, **told: created)
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload)
    model = MODELS["PixelSNAIL"]((1, 4, 5), 2)
    assert model.save_pretrained(tmp_path, repo_id="owner/name", push_to_hub=True, commit_message="mine") == "address"
    assert (sent["repo_id"], sent["commit_message"]) == ("owner/name", "mine")
    assert sent["files"] == ["README.md", "config.json", "model.safetensors"]
    assert "# PixelSNAIL" in (tmp_path / "README.md").read_text()


def test_arguments_may_be_other_than_the_saved_ones(tmp_path):
    MODELS["PixelSNAILOriginal"]((1, 4, 5), 2).save_pretrained(tmp_path)
    model = pixelsnail.PixelSNAILOriginal.from_pretrained(tmp_path, dropout=0.25)
    assert model.configuration["dropout"] == 0.25
