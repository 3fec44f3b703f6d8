"""Who uses AWS and Kiro, how much and at what cost: a Prometheus exporter."""

import os

__version__ = "0.1.0"


def revision() -> str:
    """The commit that this was built from, as the image's build tells; `unknown` elsewhere."""
    return os.environ.get("AWS_USER_EXPORTER_REVISION", "") or "unknown"
