"""The Java Card applets and the harness that runs them: not here yet; README.md says what runs."""
