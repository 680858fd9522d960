"""A pack for the tested ComfyUI, beside ours: tells what of ours is alive in the server, and makes its disk full.

GET /brushwork_probe/alive → how many of each class of ours; POST /brushwork_probe/disk {"full": bool}.
"""

import collections
import errno
import gc
import os
import shutil

import torch
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS: dict = {}
PACK = "comfyui-brushwork."
HEAVY = {"HostedModel", "Stylizer", "StyleModel"}
_fsync, _disk_usage = os.fsync, shutil.disk_usage


def _no_space(_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _nothing_free(path: object) -> tuple:
    usage = _disk_usage(path)
    return type(usage)(usage.total, usage.total, 0)


@PromptServer.instance.routes.get("/brushwork_probe/alive")
async def alive(_: web.Request) -> web.Response:
    """What holds weights or pictures: our modules, and what carries them."""
    gc.collect()
    classes = (type(one) for one in gc.get_objects())
    ours = [kind for kind in classes if PACK in str(getattr(kind, "__module__", ""))]
    heavy = [kind.__name__ for kind in ours if issubclass(kind, torch.nn.Module) or kind.__name__ in HEAVY]
    return web.json_response(collections.Counter(heavy))


@PromptServer.instance.routes.post("/brushwork_probe/disk")
async def disk(request: web.Request) -> web.Response:
    """Full: nothing is free, and what was written does not reach the disk."""
    full = (await request.json())["full"]
    os.fsync, shutil.disk_usage = (_no_space, _nothing_free) if full else (_fsync, _disk_usage)
    return web.json_response({"full": full})
