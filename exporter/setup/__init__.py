"""Makes what the exporter needs in AWS: a stack, a database, tables and views, each verified with a query. Steps that are done are left alone."""

from exporter.setup.installation import Installation
from exporter.setup.steps import Change, Outcome, Step

__all__ = ["Change", "Installation", "Outcome", "Step"]
