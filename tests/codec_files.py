"""Files of compressed images that are changed, and models."""

import copy
import struct
import zlib

import torch


def stamped(body: bytes) -> bytes:
    """A file whose checksum is right, whatever it says."""
    return body + struct.pack("<I", zlib.crc32(body))


def flipped(data: bytes, bit: int) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def changed_by(model: torch.nn.Module, number: int, amount: float) -> torch.nn.Module:
    """The model with one weight of its parameter `number` changed."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        list(other.parameters())[number].view(-1)[0] += amount
    return other
