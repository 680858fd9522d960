"""Training new styles. Knows core, not ComfyUI."""
