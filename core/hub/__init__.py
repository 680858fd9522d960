"""core/hub."""
