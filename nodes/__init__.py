"""The faces of Brushwork in ComfyUI, and the only folder that imports it. Its services are behind `_host`."""

from __future__ import annotations

import importlib
import logging

from comfy_api.latest import ComfyExtension, io

log = logging.getLogger("brushwork.nodes")

NODES = {
    "load_style_model": "LoadStyleModel",
    "stylize": "Stylize",
    "adain_stylize": "AdaINStylize",
    "comatch_stylize": "CoMatchStylize",
    "cin_style_mix": "CINStyleMix",
    "style_layer": "StyleLayer",
    "style_corners": "StyleCorners",
    "preserve_color": "PreserveColor",
    "save_style_model": "SaveStyleModel",
    "export_style_model": "ExportStyleModel",
    "train_style_model": "TrainStyleModel",
    "add_style": "AddStyle",
    "sample_photo": "SamplePhoto",
    "get_style": "GetStyle",
    "publish_style": "PublishStyle",
    "stylize_folder": "StylizeFolder",
    "style_grid": "StyleGrid",
    "measure_stylization": "MeasureStylization",
    "reconstruct_features": "ReconstructFeatures",
    "stylize_video": "StylizeVideo",
}
"""Module → class, one node a file."""


class BrushworkExtension(ComfyExtension):
    """What ComfyUI asks for the nodes."""

    async def on_load(self) -> None:
        """Make models/style_transfer known before the first list of models is made, and the page's routes."""
        from ._host import register_model_folder

        register_model_folder()
        try:
            from ._routes import register

            register()
        except Exception:  # the nodes work without the style browser
            log.exception("the style browser is left out")

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """All nodes that work."""
        return [node for module, name in NODES.items() if (node := _working_node(module, name))]


def _working_node(module: str, name: str) -> type[io.ComfyNode] | None:
    """A node whose module imports and whose schema holds; one broken node must not take the others away."""
    try:
        node = getattr(importlib.import_module(f".{module}", __package__), name)
        node.GET_SCHEMA()
    except Exception:
        log.exception("the node %s is left out", name)
        return None
    return node
