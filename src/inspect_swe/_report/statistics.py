"""Means, clustered confidence intervals and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% confidence interval. The interval is missing with fewer than two samples."""

    mean: float
    low: float | None
    high: float | None
    samples: int
    runs: int


def clustered_mean(values: Mapping[str, Sequence[float]]) -> Estimate | None:
    """Return the mean of all runs, with a t interval whose standard error is clustered by sample.

    Args:
        values: The values of each sample's runs.
    """
    clusters = [list(runs) for runs in values.values() if runs]
    runs = sum(map(len, clusters))
    if not runs:
        return None
    mean = sum(map(sum, clusters)) / runs
    count = len(clusters)
    if count < 2:
        return Estimate(mean, None, None, count, runs)
    residuals = sum((sum(cluster) - len(cluster) * mean) ** 2 for cluster in clusters)
    error = math.sqrt(count / (count - 1) * residuals) / runs
    margin = _quantile(count - 1) * error
    return Estimate(mean, mean - margin, mean + margin, count, runs)


def paired_difference(first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]) -> Estimate | None:
    """Return the mean difference, first minus second, of the per-sample means of the samples that both have."""
    shared = [name for name in first if first[name] and second.get(name)]
    return clustered_mean({name: [_mean(first[name]) - _mean(second[name])] for name in shared})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _quantile(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
