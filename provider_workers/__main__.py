"""`python -m provider_workers`: one worker for one backend."""

import sys

from provider_workers.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
