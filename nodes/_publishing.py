"""From a model on a wire to a folder or a repository: photos, progress, cancel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from ..core.hub.showcase import ShowcaseOptions, make_showcase
from ..core.pictures.samples import SHOWCASE, sample_photo, samples_credit
from . import _host
from ._hosted_model import HostedModel

DRY_RUNS = "brushwork/publish"
"""Inside ComfyUI's output folder."""

MAX_PHOTOS = 4


def publish(
    hosted: HostedModel,
    options: ShowcaseOptions,
    photos: Tensor | None,
    *,
    dry_run: bool,
    private: bool,
    shown_on: str | None,
) -> tuple[str, list[str]]:
    """Write everything, and send it unless it is a dry run.

    Args:
        hosted: The model.
        options: Repository, licence, title.
        photos: IMAGE, of which the first `MAX_PHOTOS` are painted; None: Brushwork's own.
        dry_run: Keep the folder instead of sending it.
        private: For a new repository.
        shown_on: Id of the node that shows a line of text.

    Returns:
        Address or folder, and notes on what was left out.
    """
    from ..core.hub.publish import check_may_publish
    from ..core.hub.publish import publish as send
    from ..core.hub.repository import check_repo_id
    from . import _settings

    repo_id = check_repo_id(options.repo_id)
    _settings.current()  # puts the setting Offline in force
    if not dry_run:
        check_may_publish()
    pictures, credit = _photos(photos)
    styles = None
    if hosted.model.style_kind == "image":
        shown = {name: _read(name) for name in SHOWCASE}
        styles = {name: picture for name, picture in shown.items() if name != next(iter(pictures))}
    stylizer = hosted.stylizer("auto", 1, 384, 384)
    with _folder(repo_id, keep=dry_run) as folder:
        showcase = make_showcase(
            hosted.model,
            stylizer,
            pictures,
            folder,
            options,
            pictures=styles,
            photos_credit=credit,
            progress=_host.Progress(1),
        )
        if dry_run:
            return str(folder), list(showcase.notes)
        _host.status(f"uploading {showcase.bytes / 1e6:.1f} MB to {repo_id}", shown_on)
        return send(showcase, repo_id, private=private, waiting=_host.check_interrupt), list(showcase.notes)


@contextlib.contextmanager
def _folder(repo_id: str, *, keep: bool) -> Iterator[Path]:
    if keep:
        yield _host.output_root() / DRY_RUNS / repo_id.replace("/", "--")
        return
    with _host.temporary_folder() as folder:
        yield folder / "showcase"


def _photos(image: Tensor | None) -> tuple[dict[str, Tensor], str]:
    """Name → (1, 3, H, W), and what the card says of them."""
    if image is None:
        return {name: _read(name) for name in SHOWCASE}, samples_credit(SHOWCASE)
    rows = _host.to_core(image[:MAX_PHOTOS])[:, :3]
    return {f"photo {number}": row[None] for number, row in enumerate(rows, 1)}, ""


def _read(name: str) -> Tensor:
    from ..core.pictures import read_picture

    return read_picture(sample_photo(name)).image[:, :3]
