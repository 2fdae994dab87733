"""``python -m fmi_mx`` is ``fmi``."""

import sys

from .cli import main

sys.exit(main())
