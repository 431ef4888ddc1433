"""The crowd: open-loop drivers that replay the plan."""
