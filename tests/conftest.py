"""Set before anything imports torch or huggingface_hub: tests run side by side, so waiting OpenMP threads must sleep;
no test asks the network, and retries would take a minute.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
