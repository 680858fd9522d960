"""The engine of Brushwork: architectures, losses, checkpoints, inference. Knows neither ComfyUI nor argparse."""
