"""Ask a cluster what recorded clusters were asked, and say where it answers otherwise."""

from dsqlkit.probing.asking import SCHEMA_PREFIX, ask
from dsqlkit.probing.comparing import Difference
from dsqlkit.probing.cost import Cost, cost_of
from dsqlkit.probing.record import Probe, chosen, groups, statements_of
from dsqlkit.probing.report import Report

__all__ = [
    "SCHEMA_PREFIX",
    "Cost",
    "Difference",
    "Probe",
    "Report",
    "ask",
    "chosen",
    "cost_of",
    "groups",
    "statements_of",
]
