"""Get Style: a style by the name of its repository on the Hub."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import _host, _library, _types


class GetStyle(io.ComfyNode):
    """Face of core.hub.repository."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkGetStyle",
            display_name="Get Style (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Loads a style that somebody has published on the Hugging Face Hub, by the name of its repository. "
                "Downloaded once, verified and kept in models/style_transfer: later runs need no network."
            ),
            search_aliases=["hugging face", "download style", "hub style", "community style", "repo id"],
            inputs=[
                io.String.Input(
                    "repository",
                    default="",
                    placeholder="user/name",
                    tooltip=(
                        "user/name, or the address of its page. user/name/file.safetensors where there are several "
                        "models, user/name@revision for a certain version."
                    ),
                ),
            ],
            outputs=[
                _types.StyleModelType.Output(display_name="style_model", tooltip="Wire it into a stylizing node."),
                io.String.Output(
                    display_name="style_names",
                    is_output_list=True,
                    tooltip="Its styles, as a list: wired into style of Stylize, it paints them all.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, repository: str) -> Any:
        """Load again when the file has changed."""
        return _library.repository_fingerprint(repository)

    @classmethod
    def execute(cls, repository: str) -> io.NodeOutput:
        """Find, download where needed, load."""
        hosted = _library.load_repository(repository, _host.download_progress(cls.hidden.unique_id))
        return io.NodeOutput(hosted, list(hosted.model.spec.style_names) or [""])
