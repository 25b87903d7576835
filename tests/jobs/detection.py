"""What the fixture `detect` is."""

from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]
Detect = Callable[..., tuple[Rows, Rows]]
"""`detect(records, **alert settings)` gives alerts and dead letters, in the order of their records."""
