"""Sample Photo: a picture that is there right after the install."""

from __future__ import annotations

from comfy_api.latest import io

from ..core.pictures.samples import CREDITS, sample_photo
from . import _host, _types


class SamplePhoto(io.ComfyNode):
    """Face of core.pictures.samples."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkSamplePhoto",
            display_name="Sample Photo (Brushwork)",
            category=_types.CATEGORY,
            description="A photo that comes with Brushwork, so that an example runs before you have chosen a picture.",
            search_aliases=["example image", "test picture", "demo photo", "sample image"],
            inputs=[
                io.Combo.Input(
                    "photo",
                    options=list(CREDITS),
                    default="chelsea",
                    tooltip="A face, a cat, a still life or a launch. Free to use: CC0 or public domain.",
                ),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The photo, at most 512 px on its longer side.")],
        )

    @classmethod
    def execute(cls, photo: str) -> io.NodeOutput:
        """Read the file."""
        from ..core.pictures import read_picture  # late for a quick start, as in _library

        return io.NodeOutput(_host.to_comfy(read_picture(sample_photo(photo)).image))
