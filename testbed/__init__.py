"""Where the worlds meet: the command line, a whole run, targets."""
