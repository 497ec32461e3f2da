"""`python -m trunkline.cli`: the same as `trunkline`."""

import sys

from trunkline.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
