"""Models by name: the manifest, files on this machine, and verified downloads from the Hugging Face Hub."""

from .bundled import entry_for_bundled
from .download import ProgressFn, download_weights
from .local import ListedModel, find_weights, list_models
from .manifest import BundledSource, HubSource, WeightEntry, WeightsManifest, load_manifest
from .resolve import resolve_files, resolve_model
from .vgg import get_encoder

__all__ = [
    "BundledSource",
    "HubSource",
    "ListedModel",
    "ProgressFn",
    "WeightEntry",
    "WeightsManifest",
    "download_weights",
    "entry_for_bundled",
    "find_weights",
    "get_encoder",
    "list_models",
    "load_manifest",
    "resolve_files",
    "resolve_model",
]
