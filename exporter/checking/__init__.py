"""Looks whether a config can work: credentials, permissions, files, tables, people, and what a day of refreshes will cost. Nothing is written."""

from exporter.checking.findings import Finding, Status, exit_code
from exporter.checking.inspection import Choices, inspect

__all__ = ["Choices", "Finding", "Status", "exit_code", "inspect"]
