import os
from types import SimpleNamespace

current_platform = SimpleNamespace(
    is_cpu=lambda: os.environ.get("CARDS") == "0", device_count=lambda: int(os.environ.get("CARDS", "2"))
)
