"""Images as integer levels, from one string: `data.open("mnist:FOLDER", "test")`.

    mnist-mini      6,000 real digits that come with the package
    mnist:FOLDER    the four idx files of MNIST (or of a data set in its form), gzipped or not
    folder:PATH     image files, in PATH or in PATH/train, PATH/validation and PATH/test
    npz:PATH        integer arrays `train`, `validation` and `test`, or one of them, `x` or `images`
    hf:NAME         a data set of the Hugging Face hub, or a local folder in one of its forms
    photos          crops of photographs that scikit-image and scikit-learn ship (the extra photos)

Nothing but `hf:` reaches the network, and it does so through the `datasets` library alone.
"""

from pixelsnail.data.images import Images
from pixelsnail.data.sources import from_files, open

__all__ = ["Images", "from_files", "open"]
