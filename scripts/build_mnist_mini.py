"""Builds the digits that come with the package from the four idx files of MNIST.

    python scripts/build_mnist_mini.py FOLDER [--out src/pixelsnail/data/mnist_mini.npz]

Every digit as often as any other, no image twice: train and validation from MNIST's training set, test from its test
set. The same files give the same images in the same order.
"""

import argparse
from pathlib import Path

import numpy as np

from pixelsnail import data

SEED = 0
EACH = {"train": 500, "validation": 50, "test": 50}  # of each digit
ORIGIN = {"train": "train", "validation": "train", "test": "test"}
SOURCE = "MNIST handwritten digits (Y. LeCun, C. Cortes, C. Burges), derived from NIST special databases 1 and 3."
LICENCE = "Creative Commons Attribution-Share Alike 3.0 (CC BY-SA 3.0)"


def build(folder: str) -> dict[str, np.ndarray]:
    """The content of mnist_mini.npz."""
    generator = np.random.default_rng(SEED)
    content = {"levels": np.array(256), "source": np.array([SOURCE]), "licence": np.array([LICENCE])}
    seen: set[bytes] = set()
    for split, each in EACH.items():
        origin = data.open(f"mnist:{folder}", ORIGIN[split], binarize="none")
        images, labels = origin.batch(range(len(origin))).numpy()[:, 0], origin.labels.numpy()
        chosen = choose(images, labels, each, generator, seen)
        content[split], content[f"{split}_labels"] = images[chosen], labels[chosen].astype(np.uint8)
    return content


def choose(
    images: np.ndarray, labels: np.ndarray, each: int, generator: np.random.Generator, seen: set[bytes]
) -> list[int]:
    """Numbers of `each` images of every digit, none of them in `seen`, in random order; adds them to `seen`."""
    counts = dict.fromkeys(range(10), 0)
    chosen = []
    for number in generator.permutation(len(images)).tolist():
        digit, content = int(labels[number]), images[number].tobytes()
        if counts[digit] < each and content not in seen:
            counts[digit] += 1
            seen.add(content)
            chosen.append(number)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the four idx files of MNIST are")
    parser.add_argument("--out", type=Path, default=Path(data.__file__).with_name("mnist_mini.npz"))
    arguments = parser.parse_args()
    np.savez_compressed(arguments.out, **build(arguments.folder))
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
