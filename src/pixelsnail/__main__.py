"""`python -m pixelsnail` is `pixelsnail`."""

import sys

from pixelsnail.cli import main

if __name__ == "__main__":
    sys.exit(main())
