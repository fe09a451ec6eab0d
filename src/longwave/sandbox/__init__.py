"""A place for Python code that nobody has read: other processes, locked in, that can do no harm here."""

from longwave.sandbox.box import Limits, SandboxResult
from longwave.sandbox.check import CheckResult, check_python
from longwave.sandbox.run import missing_walls, run_python

__all__ = ["CheckResult", "Limits", "SandboxResult", "check_python", "missing_walls", "run_python"]
