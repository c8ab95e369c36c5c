"""Images as integer levels, from one string: `data.open("mnist:FOLDER", "test")`.

    mnist-mini           6,000 real digits that come with the package
    mnist:FOLDER         the idx files of MNIST, Fashion-MNIST, KMNIST or EMNIST, gzipped or not
    cifar10:FOLDER       the batches of CIFAR-10, python or binary version
    imagenet32:FOLDER    the batches of ImageNet 32, npz or pickled
    folder:PATH          image files, in PATH or in PATH/train, PATH/validation and PATH/test
    npz:PATH             integer arrays, also npy:PATH and pt:PATH (tensors); npz:PATH#NAME is one of several
    hf:NAME              a data set of the Hugging Face hub, or a local folder in one of its forms; hf:NAME#COLUMN
    photos               crops of photographs that scikit-image and scikit-learn ship (the extra photos)

Nothing but `hf:` reaches the network, and it does so through the `datasets` library alone. `rules` says how axes,
levels, labels and splits are understood, `image_files` what is read of an image file; `images.read` is one line of what
was.
"""

from pixelsnail.data.given import from_arrays, from_files
from pixelsnail.data.images import Images
from pixelsnail.data.masks import mask
from pixelsnail.data.reading import Reading
from pixelsnail.data.sources import Opened, is_flat, is_given, open, resolve, splits_of

__all__ = [
    "Images",
    "Opened",
    "Reading",
    "from_arrays",
    "from_files",
    "is_flat",
    "is_given",
    "mask",
    "open",
    "resolve",
    "splits_of",
]
