"""The Java Card applets and the harness that runs and tears them; Maven builds both."""
