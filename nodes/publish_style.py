"""Publish Style: a model with its card on the Hub, or first the folder to look at."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from . import _host, _publishing, _types
from ._hosted_model import HostedModel


class PublishStyle(io.ComfyNode):
    """Face of core.hub.showcase and core.hub.publish."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Inputs and outputs."""
        return io.Schema(
            node_id="BrushworkPublishStyle",
            display_name="Publish Style (Brushwork)",
            category=_types.CATEGORY,
            description=(
                "Puts a style on the Hugging Face Hub: the model, sample paintings, training record and licences. "
                "Uses your own login (hf auth login, or HF_TOKEN). Starts as a dry run that sends nothing."
            ),
            search_aliases=["share style", "upload model", "hugging face", "model card", "push to hub"],
            inputs=[
                _types.style_model_input(),
                io.String.Input(
                    "repository",
                    default="",
                    placeholder="your-name/name-of-the-style",
                    tooltip="Your user name on the Hub, a slash, and a name for the style. Made where it is missing.",
                ),
                io.String.Input(
                    "license",
                    default="",
                    placeholder="as the file says, else for example MIT",
                    tooltip="Licence of the weights, as SPDX id: MIT, Apache-2.0, CC-BY-4.0 … Empty: as the file says.",
                ),
                io.String.Input(
                    "title",
                    default="",
                    tooltip="What people read above the style. Empty: as the file says, else the repository's name.",
                ),
                io.Boolean.Input(
                    "dry_run",
                    default=True,
                    tooltip="On: writes everything to output/brushwork/publish and sends nothing. Off: publishes.",
                ),
                io.Boolean.Input(
                    "private",
                    default=False,
                    advanced=True,
                    tooltip="On: a new repository is visible to you alone. One that exists stays as it is.",
                ),
                io.String.Input(
                    "picture_license",
                    default="",
                    advanced=True,
                    tooltip=(
                        "Licence of the style pictures whose file does not say, such as CC0-1.0 for your own painting. "
                        "Pictures whose licence does not allow it are left out."
                    ),
                ),
                io.Image.Input(
                    "photos",
                    optional=True,
                    tooltip="Your own photos for the sample paintings: one or more. Else two photos of Brushwork's.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="place", tooltip="Address on the Hub, or the folder of the dry run."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
            not_idempotent=True,
        )

    @classmethod
    def execute(
        cls,
        style_model: HostedModel,
        repository: str,
        license: str,
        title: str,
        dry_run: bool,
        private: bool,
        picture_license: str,
        photos: Any = None,
    ) -> io.NodeOutput:
        """Write the folder, and publish it."""
        from ..core.hub.showcase import ShowcaseOptions  # late for a quick start, as in _library

        options = ShowcaseOptions(repository, license, title, picture_license=picture_license)
        place, notes = _publishing.publish(
            style_model, options, photos, dry_run=dry_run, private=private, shown_on=cls.hidden.unique_id
        )
        _host.log.info("%s: %s", "dry run" if dry_run else "published", place)
        return io.NodeOutput(place, ui=ui.PreviewText("\n".join([place, *notes])))
