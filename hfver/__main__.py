"""Run as ``python -m hfver``."""

import sys

from hfver.cli import main

sys.exit(main())
