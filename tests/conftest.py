"""Tests run side by side, so waiting OpenMP threads must sleep: set before anything imports torch."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
