"""Past days for Prometheus: one sample a series and day, as OpenMetrics text from which `promtool` makes blocks."""

from exporter.backfilling.calendar import Month, months, newest
from exporter.backfilling.rendering import Target
from exporter.backfilling.standpoint import Standpoint, take
from exporter.backfilling.values import one_day_windows
from exporter.backfilling.writing import Written, write

__all__ = ["Month", "Standpoint", "Target", "Written", "months", "newest", "one_day_windows", "take", "write"]
