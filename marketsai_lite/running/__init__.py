"""Long runs: sweeps over cells that survive interruption."""
