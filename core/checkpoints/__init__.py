"""core/checkpoints."""
