"""The paper's own code and the one it grew from: TensorFlow variables under their names in the graph.

github.com/neocxi/pixelsnail-public and github.com/openai/pixel-cnn (both pixel_cnn_pp/model.py). Their layers are
numbered as they are made, each kind by itself: model/conv2d_0/V, .../g, .../b, model/conv2d_1/V, model/dense_0/V ...
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.checkpoints.reference import Read, check_arguments, known
from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model, PixelCNNpp, PixelSNAILOriginal
from pixelsnail.models.weights import check_fit
from pixelsnail.nn import ClassBias
from pixelsnail.nn.normalization import Normalized, NormalizedUpsampling

SNAIL = {
    "nr_resnet": "residuals",
    "nr_filters": "channels",
    "attn_rep": "blocks",
    "att_downsample": "attention_downsample",
    "nr_logistic_mix": "mixtures",
    "resnet_nonlinearity": "activation",
    "dropout_p": "dropout",
}
PIXELCNN = {name: ours for name, ours in SNAIL.items() if ours in inspect.signature(PixelCNNpp.__init__).parameters}

REFERENCES: dict[str, tuple[type[Model], dict[str, str], dict[str, Any]]] = {
    "h12_noup_smallkey_spec": (PixelSNAILOriginal, SNAIL, {}),
    "h8_noup_smallkey_spec": (PixelSNAILOriginal, SNAIL, {}),
    "h12_pool2_smallkey_spec": (PixelSNAILOriginal, SNAIL, {"att_downsample": 2}),
    "_base_noup_smallkey_spec": (PixelSNAILOriginal, SNAIL, {}),
    "pxpp_spec": (PixelCNNpp, PIXELCNN, {}),
}
"""Its functions: our model, its arguments' names in ours, and what the function itself sets."""
NAMES = tuple(REFERENCES)

LEAKS = "averages whole squares of pixels for its attention, so that pixels see later ones: it gives no likelihood"
FAILS = "calls a function with an argument that it does not have, and never ran"
REFUSED = {
    "model_spec": "is PixelCNN++ in openai/pixel-cnn and another network in pixelsnail-public; for the former say "
    "pxpp_spec, the latter is not offered",
    "h6_noup_hier2_spec": LEAKS,
    "h6_hier4_spec": LEAKS,
    "h6_1mixhier2_spec": LEAKS,
    "h8_noup_124444mix_spec": FAILS,
    "h16_noup_124444mix_spec": FAILS,
    "h6_noup_124mix_halfattn_spec": FAILS,
    "h6_noup_1mix_halfattn_spec": FAILS,
    "h8_noup_1mix_halfattn_spec": FAILS,
    "h6_shift_spec": FAILS,
    "h6_noup_spec": "has keys as wide as its features, and is not offered",
    "h6_shift_small_attn_spec": "never reads a quarter of its features by a slip, and is not offered",
    "_base_noup_smallkey_spec_ar_chs": "has three outputs, which its own sampler cannot draw from, and is not offered",
    "h8_noup_smallkey_ar_chs_spec": "has three outputs, which its own sampler cannot draw from, and is not offered",
}

AVERAGE = "/ExponentialMovingAverage"


def recognises(state: Mapping[str, Any]) -> bool:
    """Whether tensors have this project's names."""
    return any(re.match(r"model/conv2d_0/V(:0)?(/|$)", name) for name in state)


def read(file: Mapping[str, Any]) -> Read:
    """The variables in an .npz, and which of the two sets of weights are taken."""
    averaged = any(AVERAGE in name for name in file)
    return Read(file, told={"weights": "Polyak average" if averaged else "as trained, there is no average of them"})


def name_of(state: Mapping[str, Any]) -> str:
    """Raises ValueError: functions of one project that differ in more than variables show are told apart by name."""
    raise WrongValueError(f"official has several models; say which one the file holds: {', '.join(NAMES)}.")


def convert(
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    shape: tuple[int, int, int] | None,
    levels: int | None,
) -> Model:
    """As `checkpoints.convert`: its functions, by default with 32 x 32 images.

    Takes the Polyak-averaged variables where there are any, and ignores those of the optimiser.
    """
    for refused in (name, f"{name}_spec"):
        if refused in REFUSED:
            raise WrongValueError(f"official {refused} {REFUSED[refused]}. Expected one of {', '.join(NAMES)}.")
    name = f"{name}_spec" if f"{name}_spec" in REFERENCES else name
    kind, arguments, own = REFERENCES[known("official model", name, REFERENCES)]
    where = f"official {name}"
    check_arguments(config, arguments, where)
    if levels not in (None, 256) or (shape is not None and shape[0] != 3):
        raise WrongValueError(
            f"{where} is for images of 3 channels and 256 levels; leave shape's C at 3 and levels out."
        )
    variables = _variables(state)
    told = {**_infer(kind, variables, where), **own, **config}
    named = {arguments[key]: value for key, value in told.items()}
    labels = variables.get("model/conditional_weights_0/hw")
    if kind is PixelCNNpp and labels is not None:
        named["classes"] = len(labels)
    model = kind(shape or (3, 32, 32), 256, **named)
    ours = _as_theirs(model)
    check_fit({key: tuple(view.shape) for key, view in ours.items()}, variables, where, model)
    with torch.no_grad():
        for key, view in ours.items():
            view.copy_(variables[key])
    return model.eval()


def _variables(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's variables, averaged where there are averages, without the optimiser's."""
    plain = {name.removesuffix(":0"): tensor for name, tensor in state.items()}
    plain = {name: tensor for name, tensor in plain.items() if not re.match(r"(.*/)?Variable(_\d+)?$", name)}
    averages = {name.removesuffix(AVERAGE): tensor for name, tensor in plain.items() if name.endswith(AVERAGE)}
    return averages or plain


def _infer(kind: type[Model], variables: Mapping[str, Tensor], where: str) -> dict[str, Any]:
    """The function's arguments, as far as the variables show them: all but the side of pooled squares and dropout."""
    count = Counter(match[1] for match in (re.match(r"model/(\w+)_\d+/(V|hw)$", name) for name in variables) if match)
    convolutions, products = count["conv2d"], count["dense"]
    needed = ["model/conv2d_0/V", "model/conv2d_3/V", f"model/dense_{products - 1}/b"]
    missing = next((name for name in needed if name not in variables), None)
    if missing is not None:
        raise WrongValueError(f"These variables are not {where}'s: {missing} is missing. Name the right model.")
    channels = variables["model/conv2d_0/V"].shape[-1]
    told: dict[str, Any] = {"nr_filters": channels, "nr_logistic_mix": len(variables[needed[2]]) // 10}
    if kind is PixelSNAILOriginal:
        blocks = (products - 1) // 9
        told |= {"attn_rep": blocks, "nr_resnet": (convolutions - 2) // (2 * max(blocks, 1))}
        inputs = variables["model/conv2d_3/V"].shape[-2]
    else:
        told |= {"nr_resnet": (convolutions - 15) // 24}
        inputs = variables["model/conv2d_3/V"].shape[-2]
    return {**told, "resnet_nonlinearity": "concat_elu" if inputs == 2 * channels else "elu"}


def _as_theirs(model: Model) -> dict[str, Tensor]:
    """Views of the model's weights under their names and in their layout."""
    views, count = dict[str, Tensor](), Counter[str]()
    for layer in _in_order(model):
        tensor = layer.weight
        if isinstance(layer, ClassBias):
            kind, parts = "conditional_weights", {"hw": tensor.t()}
        else:
            assert isinstance(layer, Normalized)
            if isinstance(layer, NormalizedUpsampling):
                kind, view = "deconv2d", tensor.permute(2, 3, 0, 1)
            elif tensor.shape[2:] == (1, 1):
                kind, view = "dense", tensor[:, :, 0, 0].t()
            else:
                kind, view = "conv2d", tensor.permute(2, 3, 1, 0)
            assert layer.gain is not None
            parts = {"V": view, "g": layer.gain, "b": layer.bias}
        views |= {f"model/{kind}_{count[kind]}/{name}": view for name, view in parts.items()}
        count[kind] += 1
    return views


def _in_order(model: Model) -> Iterator[Any]:
    """The layers with weights in the order in which the originals make them: that of the computation."""
    parts: list[nn.Module] = [model]
    if isinstance(model, PixelCNNpp):
        rows: Any = model.rows.stream
        parts = [rows.stem, model.above, model.left]
        streams = (rows.stream, model.pixels)
        for resample, there in (("downsample", True), ("upsample", False)):
            for i in range(3):
                if i > 0:
                    parts += [getattr(stream, resample)[i - 1] for stream in streams]
                layers = [(stream.there if there else stream.back)[i] for stream in streams]
                parts += [layer for pair in zip(*layers, strict=True) for layer in pair]
        parts.append(model.out)
    for part in parts:
        yield from (layer for layer in part.modules() if isinstance(layer, Normalized | ClassBias))
