"""Makes the golden files of a version of the codec's format: two tiny models, and files that they made.

    python scripts/golden_codec.py FOLDER

Run once for each version; files of earlier versions stay, since each decodes for ever.
"""

import sys
from pathlib import Path

import numpy as np
import torch

import pixelsnail
from pixelsnail.codec import numerics
from pixelsnail.models import Model

SIZES = ((4, 5), (1, 1), (4, 5), (2, 7))


def randomised(model: Model, generator: torch.Generator) -> Model:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def main() -> None:
    folder, generator = Path(sys.argv[1]), torch.Generator().manual_seed(0)
    bits = randomised(pixelsnail.PixelSNAIL((1, 4, 5), 2, channels=4, blocks=1, residuals=1, key=2, value=2), generator)
    colour = randomised(
        pixelsnail.PixelSNAILOriginal((3, 4, 4), 256, channels=4, blocks=1, residuals=1, mixtures=2, key=2, classes=2),
        generator,
    )
    bits.save(folder / "bits")
    colour.save(folder / "colour")
    images = [torch.randint(0, 2, (1, *size), generator=generator, dtype=torch.uint8) for size in SIZES]
    images[2] = bits.sample(1, seed=1)[0]
    labels = torch.tensor([1, 0])
    drawn = colour.sample(1, context=labels[:1])
    x = torch.cat([drawn, torch.randint(0, 256, (1, 3, 4, 4), generator=generator, dtype=torch.uint8)])
    files = {
        "bits-1": pixelsnail.compress(bits, images, names=["a.png", "b/c.png", "d.jpg", "e.png#2"]),
        "colour-1": pixelsnail.compress(colour, x, labels),
    }
    numerics.LEAST_ERROR = 2.0**-22  # the largest bound for bits: every eighth symbol or so is listed
    files["listed-1"] = pixelsnail.compress(bits, images)
    numerics.LEAST_ERROR = 2.0**-24
    files["listed-colour-1"] = pixelsnail.compress(colour, x, labels)
    for name, data in files.items():
        (folder / f"{name}.psn").write_bytes(data)
        print(name, len(data), "bytes,", sum(map(len, pixelsnail.codec.read(data).listed)), "listed")
    of_bits = {f"bits{i}": image.numpy() for i, image in enumerate(images)}
    np.savez_compressed(folder / "images.npz", colour=x.numpy(), **of_bits)


if __name__ == "__main__":
    main()
