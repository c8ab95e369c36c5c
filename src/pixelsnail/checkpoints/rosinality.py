"""K. Seonghyeon's vq-vae-2-pytorch (github.com/rosinality/vq-vae-2-pytorch): its prior's names and files."""

import re
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pixelsnail.checkpoints.reference import Read, Reference, build, count, known
from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model, PixelSNAILPrior

BLOCK = r"blocks\.(\d+)\."
DROPOUT = 0.1
"""Its default, and what its condition net and its last layers always have. It changes training alone."""


def prior(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The reference's own arguments, as far as its tensors show them: all but dropout."""
    first = state["horizontal.conv.conv.weight_v"].shape
    residual = "blocks.0.resblocks.0."
    conditional = f"{residual}condition.conv.weight_v" in state
    net = state.get("cond_resnet.blocks.0.conv.weight_v")
    background = state.get("background")
    return {
        "shape": None if background is None else [int(n) for n in background.shape[2:]],
        "n_class": first[1],
        "channel": first[0],
        "kernel_size": first[3],
        "n_block": count(state, BLOCK),
        "n_res_block": count(state, BLOCK + r"resblocks\.(\d+)\."),
        "res_channel": state[f"{residual}conv1.conv.conv.weight_v"].shape[0],
        "attention": "blocks.0.causal_attention.query.weight_v" in state,
        "dropout": DROPOUT,
        "n_cond_res_block": max(0, count(state, r"cond_resnet\.blocks\.(\d+)\.") - 1),
        "cond_res_channel": state[f"{residual}condition.conv.weight_v"].shape[1] if conditional else 0,
        "cond_res_kernel": 3 if net is None else net.shape[3],
        "n_out_res_block": count(state, r"out\.(\d+)\.conv1\."),
    }


def layer(theirs: str, ours: str, inner: str = r"conv\.") -> tuple[tuple[str, str], ...]:
    """The names of a gated layer, whose convolutions are called `conv` inside, or `conv.conv`."""
    return tuple(
        (rf"{theirs}{name}\.{'conv.' if name not in ('conv1', 'conv2') else inner}", f"{ours}{own}.")
        for name, own in (("conv1", "conv_in"), ("conv2", "conv_out"), ("aux_conv", "skip"), ("condition", "map"))
    )


CAUSAL = r"conv\.conv\."
REFERENCE = Reference(
    model=PixelSNAILPrior,
    infer=prior,
    arguments={
        "channel": "channels",
        "kernel_size": "kernel",
        "n_block": "blocks",
        "n_res_block": "residuals",
        "res_channel": "residual_channels",
        "attention": "attention",
        "dropout": "dropout",
        "n_out_res_block": "out_residuals",
    },
    names=(
        (r"horizontal\.conv\.conv\.", "stem.above."),
        (r"vertical\.conv\.conv\.", "stem.left."),
        *layer(BLOCK + r"resblocks\.(\d+)\.", r"blocks.\1.residuals.\2.", CAUSAL),
        *layer(BLOCK + r"(key|query)_resblock\.", r"blocks.\1.\2_residual."),
        *layer(BLOCK + r"out_resblock\.", r"blocks.\1.merge."),
        (BLOCK + r"causal_attention\.", r"blocks.\1."),
        (BLOCK + r"out\.conv\.", r"blocks.\1.out."),
        (r"cond_resnet\.blocks\.0\.conv\.", "condition.stack.stem."),
        *layer(r"cond_resnet\.blocks\.(\d+)\.", r"condition.stack.residuals.\1."),
        *layer(r"out\.(\d+)\.", r"out_residuals.\1."),
        (r"out\.\d+\.conv\.", "out."),
    ),
)
NAMES = ("PixelSNAIL",)
SIGN = "horizontal.conv.conv.weight_v"


def recognises(state: Mapping[str, Any]) -> bool:
    """Whether tensors have this project's names."""
    return SIGN in map(_classic, state)


def name_of(state: Mapping[str, Any]) -> str:
    """The model whose tensors these are. Raises ValueError where they are not its prior's."""
    if recognises(state):
        return NAMES[0]
    raise WrongValueError(
        f"These weights are not those of a rosinality {NAMES[0]}: {SIGN} is not among them. Name the project that they "
        "are of; its VQ-VAE is not a model of images' likelihoods."
    )


def read(file: Mapping[str, Any]) -> Read:
    """The weights in a file of its training script (pixelsnail_top_420.pt) or in a bare state_dict."""
    if not isinstance(file.get("model"), Mapping):
        return Read(file)
    told = vars(file["args"]) if isinstance(file.get("args"), Namespace) else {}
    config = {"dropout": told["dropout"]} if "dropout" in told else {}
    return Read(file["model"], config, {ours: told[name] for name, ours in (("hier", "hierarchy"),) if name in told})


def convert(
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    shape: tuple[int, int, int] | None,
    levels: int | None,
) -> Model:
    """As `checkpoints.convert`: its class, of the size that its `background` has; one map conditions a bottom model."""
    where = f"rosinality {known('rosinality model', name, dict.fromkeys(NAMES))}"
    weights = {_classic(key): tensor for key, tensor in state.items()}
    given = dict(config)
    if shape is not None:
        if shape[0] != 1:
            raise WrongValueError(f"shape has {shape[0]} channels, but a map of codes has one; expected (1, H, W).")
        given.setdefault("shape", list(shape[1:]))
    full = REFERENCE.configure(weights, given, where)
    height, width = full["shape"]
    if levels not in (None, full["n_class"]):
        raise WrongValueError(f"levels is {levels}, but these weights are of {full['n_class']} codes; leave it out.")
    own: dict[str, Any] = {}
    if full["cond_res_channel"]:
        own = {
            "map_levels": full["n_class"],
            "map_residuals": full["n_cond_res_block"],
            "map_features": full["cond_res_channel"],
            "map_kernel": full["cond_res_kernel"],
        }
    ours = dict(_as_ours(key, tensor) for key, tensor in weights.items() if key != "background")
    return build(REFERENCE, ours, full, (1, height, width), full["n_class"], where, own)


def _classic(name: str) -> str:
    """A tensor's name where weights are normalised by torch's older means."""
    for new, old in (("0", "g"), ("1", "v")):
        name = re.sub(rf"parametrizations\.weight\.original{new}$", f"weight_{old}", name)
    return name


def _as_ours(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """A tensor as ours, and its name before the layer's is.

    Gains have one dimension, linear maps are convolutions of single pixels, and the gated layers of the condition net
    count from 0, not from the convolution before them.
    """
    name = re.sub(r"^(cond_resnet\.blocks\.)([1-9]\d*)", lambda match: f"{match[1]}{int(match[2]) - 1}", name)
    if name.endswith(".weight_g"):
        return name.replace("weight_g", "gain"), tensor.flatten()
    return name.replace("weight_v", "weight"), tensor[:, :, None, None] if tensor.dim() == 2 else tensor
