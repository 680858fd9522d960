"""core/inference."""
