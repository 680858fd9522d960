"""Paints inside a ComfyUI process, frees as the page's button does, and tells what is left. Run by test_unload.py:

unload_driver.py COMFYUI PACK MODELS
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import weakref

comfyui, pack, models = sys.argv[1:]
sys.argv = sys.argv[:1]
sys.path.insert(0, comfyui)

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing(False)
from comfy.cli_args import args  # noqa: E402

args.cpu = True
import comfy.model_management as mm  # noqa: E402
import execution  # noqa: E402, F401 - imported before `nodes`, as main.py does
import folder_paths  # noqa: E402
import server  # noqa: E402, F401
import torch  # noqa: E402
import utils.extra_config  # noqa: E402, F401

import nodes  # noqa: E402

assert asyncio.run(nodes.load_custom_node(pack))
folder_paths.add_model_folder_path("style_transfer", models)
NAME = next(name for name in sys.modules if name.endswith(".nodes._library"))
library, paint = sys.modules[NAME], sys.modules[NAME.replace("_library", "_paint")].paint


def ours() -> list[str]:
    """Networks of ours that ComfyUI counts as loaded."""
    return [type(loaded.model.model).__name__ for loaded in mm.current_loaded_models if loaded.model is not None]


@torch.inference_mode()
def run(hosted, style) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return paint(hosted, torch.rand(1, 48, 40, 3, generator=generator), style, 1.0)


seen = {}
for name, style in (
    ("tiny-conditional_transformer_net", "great-wave"),
    ("tiny-microast", torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))),
):
    hosted = library.load(f"{name}.safetensors", library.AUTOMATIC, lambda *_: None)
    first = run(hosted, style)
    ((stylizer, patcher),) = hosted._ready.values()
    codes = [code for kept in [stylizer._cache._codes] for code in kept.values()]
    left = [weakref.ref(stylizer), *(weakref.ref(part) for code in codes for part in code.features)]
    network = weakref.ref(stylizer.model.network)
    loaded = ours()
    del stylizer, patcher, codes
    mm.unload_all_models()
    mm.soft_empty_cache()
    gc.collect()
    seen[name] = {
        "loaded": loaded,
        "loaded_after": ours(),
        "watched": len(left),
        "left": sum(reference() is not None for reference in left),
        "same_again": torch.equal(first, run(hosted, style)),
    }
    mm.unload_all_models()
    shared = library.load(f"{name}.safetensors", library.AUTOMATIC, lambda *_: None) is hosted
    del hosted
    gc.collect()
    seen[name] |= {"network_left": network() is not None, "shared": shared}

sys.stdout.write("\n" + json.dumps(seen) + "\n")
