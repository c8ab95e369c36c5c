"""The lossless codec: images as files of -log2 p(x) bits, by range coding with a model's own probabilities.

    data = pixelsnail.compress(model, x)
    x = pixelsnail.decompress(model, data)

docs/codec.md says how to use it, docs/codec-format.md what each byte means. `constriction` is loaded when it is used.
"""

from pixelsnail.codec.compress import NUMERICS, compress, decompress, decompress_contents, information
from pixelsnail.codec.container import Contents, read

__all__ = ["NUMERICS", "Contents", "compress", "decompress", "decompress_contents", "information", "read"]
