"""Speed measured as ratios, each between runs that take turns: ``python -m benchmarks``."""
