"""One module per family of foreign layouts; each has `FORMATS`. The first match converts."""

from . import pytorch_examples

FORMATS = (*pytorch_examples.FORMATS,)
