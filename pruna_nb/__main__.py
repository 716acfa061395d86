"""``python -m pruna_nb`` is the command line."""

from __future__ import annotations

import sys

from pruna_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
