"""Deep agents: pure equations, networks, and one file per agent."""
