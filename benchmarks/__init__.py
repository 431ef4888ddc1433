"""Figures and ratios, measured side by side in one run: `python -m benchmarks NAME --json`.

Each module measures one thing and has a function `measure() -> dict` whose keys are at least
`value`, `baseline`, `ratio`, `unit`, `peak_rss_mib` and `growth` (three sizes).
"""
