"""Long runs: sweeps over cells that survive interruption, and pools of workers."""
