"""One module per family of foreign layouts; each has `FORMATS`. The first match converts."""

from . import adain, microast, msg_net, pytorch_examples, rrmina

FORMATS = (
    *pytorch_examples.FORMATS,
    *rrmina.FORMATS,
    *msg_net.FORMATS,
    *adain.FORMATS,
    *microast.FORMATS,
)
