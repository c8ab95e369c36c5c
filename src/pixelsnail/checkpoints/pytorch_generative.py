"""E. Hotaj's pytorch-generative (github.com/EugenHotaj/pytorch-generative): its names, and its trainer's files."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pixelsnail.checkpoints.reference import Read, Reference, build, count, known
from pixelsnail.errors import WrongValueError
from pixelsnail.models import GatedPixelCNN, ImageGPT, Model, PixelCNN, PixelSNAIL

BLOCK = r"_pixel_snail_blocks\.(\d+)\."


def pixel_snail(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The reference's own arguments, as far as its tensors show them: all of them."""
    return {
        "in_channels": state["_input.weight"].shape[1],
        "out_channels": state["_output.1.weight"].shape[0],
        "n_channels": state["_input.weight"].shape[0],
        "n_pixel_snail_blocks": count(state, BLOCK),
        "n_residual_blocks": count(state, BLOCK + r"_residual\.(\d+)\."),
        "attention_key_channels": state["_pixel_snail_blocks.0._attention._q.weight"].shape[0],
        "attention_value_channels": state["_pixel_snail_blocks.0._attention._proj.weight"].shape[0],
    }


def pixel_cnn(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """As `pixel_snail`: all of them."""
    return {
        "in_channels": state["_input.weight"].shape[1],
        "out_channels": state["_head.3.weight"].shape[0],
        "n_residual": count(state, r"_causal_layers\.(\d+)\."),
        "residual_channels": state["_input.weight"].shape[0] // 2,
        "head_channels": state["_head.1.weight"].shape[0],
    }


def gated_pixel_cnn(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """As `pixel_snail`: all of them."""
    return {
        "in_channels": state["_input._vstack_1xN.weight"].shape[1],
        "out_channels": state["_head.3.weight"].shape[0],
        "n_gated": count(state, r"_gated_layers\.(\d+)\."),
        "gated_channels": state["_input._vstack_1xN.weight"].shape[0],
        "head_channels": state["_head.1.weight"].shape[0],
    }


def image_gpt(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """As `pixel_snail`: all but the number of heads, among which the same tensors may be shared out otherwise."""
    return {
        "in_channels": state["_pos"].shape[1],
        "out_channels": state["_out.weight"].shape[0],
        "in_size": state["_pos"].shape[2],
        "n_transformer_blocks": count(state, TRANSFORMER),
        "n_attention_heads": None,
        "n_embedding_channels": state["_input.weight"].shape[0],
    }


def gated(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """The names of a layer of GatedPixelCNN's."""
    return (
        (theirs + r"_vstack_1xN\.", ours + "row_above."),
        (theirs + r"_vstack_Nx1\.", ours + "column."),
        (theirs + r"_vstack_1x1\.", ours + "own."),
        (theirs + r"_link\.", ours + "link."),
        (theirs + r"_hstack_1xN\.", ours + "row."),
        (theirs + r"_hstack_residual\.", ours + "residual."),
        (theirs + r"_hstack_skip\.", ours + "skip."),
    )


TRANSFORMER = r"_transformer\.(\d+)\."
HEAD = ((r"_head\.1\.", r"out.0."), (r"_head\.3\.", r"out.1."))

REFERENCES = {
    "PixelSNAIL": Reference(
        model=PixelSNAIL,
        infer=pixel_snail,
        arguments={
            "n_channels": "channels",
            "n_pixel_snail_blocks": "blocks",
            "n_residual_blocks": "residuals",
            "attention_key_channels": "key",
            "attention_value_channels": "value",
        },
        names=(
            (r"_input\.", r"stem.conv."),
            (BLOCK + r"_residual\.(\d+)\._(input|output)_conv\.", r"blocks.\1.residuals.\2.\3_conv."),
            (BLOCK + r"_attention\._q\.", r"blocks.\1.query."),
            (BLOCK + r"_attention\._kv\.", r"blocks.\1.key_value."),
            (BLOCK + r"_attention\._proj\.", r"blocks.\1.project."),
            (BLOCK + r"_(residual_out|attention_out|out)\.", r"blocks.\1.\2."),
            (r"_output\.(\d)\.", r"out.\1."),
        ),
    ),
    "PixelCNN": Reference(
        model=PixelCNN,
        infer=pixel_cnn,
        arguments={"residual_channels": "channels", "n_residual": "layers", "head_channels": "head_channels"},
        names=(
            (r"_input\.", r"stem.conv."),
            (r"_causal_layers\.(\d+)\._net\.1\.", r"layers.\1.narrow."),
            (r"_causal_layers\.(\d+)\._net\.3\.", r"layers.\1.masked."),
            (r"_causal_layers\.(\d+)\._net\.5\.", r"layers.\1.wide."),
            *HEAD,
        ),
    ),
    "GatedPixelCNN": Reference(
        model=GatedPixelCNN,
        infer=gated_pixel_cnn,
        arguments={"gated_channels": "channels", "n_gated": "layers", "head_channels": "head_channels"},
        names=(*gated(r"_input\.", "first."), *gated(r"_gated_layers\.(\d+)\.", r"layers.\1."), *HEAD),
    ),
    "ImageGPT": Reference(
        model=ImageGPT,
        infer=image_gpt,
        arguments={
            "n_embedding_channels": "channels",
            "n_transformer_blocks": "blocks",
            "n_attention_heads": "heads",
        },
        names=(
            (r"_pos$", "stem.position"),
            (r"_input\.", "stem.conv."),
            (TRANSFORMER + r"_ln1\.", r"blocks.\1.attention_norm."),
            (TRANSFORMER + r"_attn\._q\.", r"blocks.\1.query."),
            (TRANSFORMER + r"_attn\._kv\.", r"blocks.\1.key_value."),
            (TRANSFORMER + r"_attn\._proj\.", r"blocks.\1.project."),
            (TRANSFORMER + r"_ln2\.", r"blocks.\1.wide_norm."),
            (TRANSFORMER + r"_out\.0\.", r"blocks.\1.wide_in."),
            (TRANSFORMER + r"_out\.2\.", r"blocks.\1.wide_out."),
            (r"_ln\.", "norm."),
            (r"_out\.", "out."),
        ),
    ),
}

SIGNS = {
    "_output.1.weight": "PixelSNAIL",
    "_pos": "ImageGPT",
    "_input._link.weight": "GatedPixelCNN",
    "_head.3.weight": "PixelCNN",
}
"""A tensor that no model listed after it has -> the model."""


def recognises(state: Mapping[str, Any]) -> bool:
    """Whether tensors have this project's names."""
    return any(tensor in state for tensor in SIGNS)


def name_of(state: Mapping[str, Tensor]) -> str:
    """The model whose tensors these are. Raises ValueError where they are those of none."""
    for tensor, name in SIGNS.items():
        if tensor in state:
            return name
    raise WrongValueError(
        f"These weights are not those of a pytorch-generative {', '.join(REFERENCES)}: none of {', '.join(SIGNS)} is "
        "among them. Name the project and the model that they are of."
    )


def convert(
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    shape: tuple[int, int, int] | None,
    levels: int | None,
) -> Model:
    """As `checkpoints.convert`: its classes, with 28 x 28 images of 2 levels where nothing else is told."""
    reference = REFERENCES[known("pytorch-generative model", name, REFERENCES)]
    where = f"pytorch-generative {name}"
    weights = {key: value for key, value in state.items() if not ignored(key)}
    full = reference.configure(weights, config, where)
    channels, outputs = int(full["in_channels"]), int(full["out_channels"])
    if shape is None:
        shape = (channels, *(size(state) or (28, 28)))
    if shape[0] != channels:
        raise WrongValueError(
            f"shape has {shape[0]} channels, but these weights read {channels}; expected ({channels}, H, W)."
        )
    levels = 2 if levels is None else levels
    if outputs != (channels if levels == 2 else channels * levels):
        raise WrongValueError(
            f"These weights give {outputs} parameters a pixel, which is not {levels} levels of {channels} channels; "
            f"say the number of levels (levels in config): {outputs // channels} would fit."
        )
    return build(reference, weights, full, shape, levels, where)


def ignored(name: str) -> bool:
    """The first image's shape and the masks, which are stored beside the weights; both follow from the arguments."""
    return name in ("_c", "_h", "_w") or name.endswith(".mask")


def size(state: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """The height and width of learned positions, else of the first image that the reference saw, where it says so."""
    if "_pos" in state:
        return (state["_pos"].shape[2], state["_pos"].shape[3])
    return (int(state["_h"]), int(state["_w"])) if "_h" in state and "_w" in state else None


def read(file: Mapping[str, Any]) -> Read:
    """The weights in a trainer's file (trainer_state_N.ckpt) or in a bare state_dict, and what else the file tells."""
    if not isinstance(file.get("model"), Mapping):
        return Read(file)
    told = {"step": "steps", "epoch": "epochs", "time_taken": "seconds"}
    return Read(file["model"], told={ours: file[theirs] for theirs, ours in told.items() if theirs in file})
