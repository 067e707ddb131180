"""The fidelity suite: what reaches the model provider in an eval, against what the CLI itself sends."""

from ._compare import Comparison, Difference
from ._report import as_data, print_report
from ._run import run_fidelity
from ._subjects import SUBJECTS

__all__ = ["SUBJECTS", "Comparison", "Difference", "as_data", "print_report", "run_fidelity"]
