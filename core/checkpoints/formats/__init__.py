"""One module per family of foreign layouts; each has `FORMATS`. The first match converts."""

from . import (
    adain,
    jcjohnson,
    lengstrom,
    magenta_cin,
    microast,
    msg_net,
    onnx_fns,
    pytorch_examples,
    rrmina,
)

FORMATS = (
    *pytorch_examples.FORMATS,
    *rrmina.FORMATS,
    *msg_net.FORMATS,
    *adain.FORMATS,
    *microast.FORMATS,
    *onnx_fns.FORMATS,
    *jcjohnson.FORMATS,
    *lengstrom.FORMATS,
    *magenta_cin.FORMATS,
)
