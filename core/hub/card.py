"""The model card of a published style: README.md with the Hub's metadata in front."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..spec import IDENTITY, ModelSpec, StyleInfo
from .repository import TAG

METHODS = {
    "transformer_net": ("Feed-forward style transfer, one network a style", "1603.08155"),
    "conditional_transformer_net": ("Conditional instance normalization: several styles in one network", "1610.07629"),
    "comatch": ("CoMatch with a decoder that the style steers: the style is a picture", "1703.06953"),
    "msg_net": ("MSG-Net with a CoMatch layer: the style is a picture", "1703.06953"),
    "adain": ("Adaptive instance normalization: the style is a picture", "1703.06868"),
    "microast": ("MicroAST: the style is a picture", "2211.15313"),
}
"""Architecture → what it is, and its paper on arXiv."""

HUB_LICENCES = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
    "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "isc", "unlicense", "wtfpl",
    "zlib", "artistic-2.0", "ecl-2.0", "osl-3.0", "ofl-1.1", "openrail", "creativeml-openrail-m",
}  # fmt: skip
"""The names that the Hub knows; every other licence is `other` there, with its name beside it."""

FREE_PICTURES = ("cc0-1.0", "pdm-1.0", "public-domain", "mit", "apache-2.0", "unlicense", "wtfpl")
"""Licences under which a style picture may be shown to everybody as it is."""

CREDITED_PICTURES = ("cc-by-", "cc-by-sa-")
"""Under these, with its author's name. Not NC or ND: a thumbnail is an adaptation, and the Hub is no hobby."""


@dataclass(frozen=True)
class CardFiles:
    """The files that the card speaks of, as paths inside the repository."""

    model: str
    overview: str
    """Sheet of sample photos in the styles."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Style → its picture, only where it may be shown."""
    paintings: Mapping[str, str] = field(default_factory=dict)
    """Style → a sample photo painted in it."""
    photos_credit: str = ""
    """Whose photos were painted."""


def may_be_shown(style: StyleInfo) -> bool:
    """Whether the licence of a style's picture allows to publish the picture itself."""
    licence = style.license.strip().lower()
    if licence in FREE_PICTURES:
        return True
    credited = licence.startswith(CREDITED_PICTURES) and "-nc" not in licence and "-nd" not in licence
    return credited and bool(style.attribution.strip())


def model_card(spec: ModelSpec, repo_id: str, files: CardFiles) -> str:
    """README.md for the Hub.

    Args:
        spec: Title, licence, styles and training record come from here.
        repo_id: USER/NAME.
        files: What lies beside the card.

    Returns:
        Markdown behind a YAML head: licence, `library_name: brushwork`, `pipeline_tag: image-to-image` and tags.
    """
    method, paper = METHODS.get(spec.architecture, (spec.architecture, ""))
    title = spec.title or repo_id.split("/")[-1]
    sections = [
        _head(spec, repo_id, files, paper),
        f"# {_inline(title)}",
        f"![Sample photos in the styles of this model]({files.overview})",
        f"{method}{f' ([arXiv:{paper}](https://arxiv.org/abs/{paper}))' if paper else ''}. "
        "Paints photos of any size in one pass of a small network, with Brushwork on the command line and in ComfyUI.",
        _styles(spec, files),
        _use(repo_id, spec),
        _training(spec),
        _licence(spec, files),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def row_labels(names: Sequence[str], spec: ModelSpec) -> list[str]:
    """Titles; those of one painting at several stroke sizes are told apart."""
    titles = {style.name: style.title or style.name for style in spec.styles}
    found = [titles.get(name, name) for name in names]
    sizes = [name.partition("--")[2] for name in names]
    return [
        f"{title}, {size} strokes" if size and found.count(title) > 1 else title
        for title, size in zip(found, sizes, strict=True)
    ]


def hub_licence(licence: str) -> tuple[str, str]:
    """SPDX id → the Hub's name, and the licence's own name where the Hub calls it `other`."""
    folded = licence.strip().lower()
    return (folded, "") if folded in HUB_LICENCES else ("other", licence.strip())


def _head(spec: ModelSpec, repo_id: str, files: CardFiles, paper: str) -> str:
    licence, other = hub_licence(spec.license)
    tags = [TAG, "style-transfer", "neural-style-transfer", "comfyui", spec.architecture.replace("_", "-")]
    tags += [f"arxiv:{paper}"] if paper else []
    lines = ["---", f"license: {licence}"]
    lines += [f"license_name: {json.dumps(other, ensure_ascii=False)}"] if other else []
    lines += ["library_name: brushwork", "pipeline_tag: image-to-image"]
    lines += [f"thumbnail: https://huggingface.co/{repo_id}/resolve/main/{files.overview}"]
    return "\n".join([*lines, "tags:", *(f"- {tag}" for tag in tags), "---"])


def _styles(spec: ModelSpec, files: CardFiles) -> str:
    shown = [style for style in spec.styles if style.name != IDENTITY]
    if not shown:
        return "## Styles\n\nAny picture: it is given when painting, nothing is trained for it."
    rows = ["| style | picture | painted | strokes learned at | licence of the picture |", "|---|---|---|---|---|"]
    for style in shown:
        about = ", ".join(filter(None, (_cell(style.title), _cell(style.attribution))))
        size = f"{style.style_size_px} px" if style.style_size_px else ""
        rows.append(
            f"| `{_cell(style.name)}`{f'<br>{about}' if about else ''} | {_picture(files.pictures, style)} "
            f"| {_picture(files.paintings, style)} | {size} | {_cell(style.license)} |"
        )
    identity = (
        f"\n\n`{IDENTITY}` is the photo itself: strength mixes towards it." if spec.identity_index is not None else ""
    )
    return "## Styles\n\n" + "\n".join(rows) + identity


def _picture(paths: Mapping[str, str], style: StyleInfo) -> str:
    return f"![{_cell(style.title or style.name)}]({paths[style.name]})" if style.name in paths else "not shown"


def _use(repo_id: str, spec: ModelSpec) -> str:
    style = next((style.name for style in spec.styles if style.name != IDENTITY), "picture.jpg")
    option = "" if len(spec.styles) == 1 else f" --style {style}"
    return (
        "## Use\n\n"
        "In ComfyUI: *Get Style (Brushwork)* with this repository's name, wired into *Stylize (Brushwork)*.\n\n"
        f"```\nbrushwork models get {repo_id}\n"
        f"brushwork stylize photo.jpg -o painting.png --model {repo_id}{option}\n```"
    )


def _training(spec: ModelSpec) -> str:
    record = {**spec.provenance}
    for style in spec.styles:
        record |= {f"{style.name}: {name}": value for name, value in style.training.items()}
    if not record:
        return ""
    rows = [f"| {_cell(name)} | {_cell(_short(value))} |" for name, value in record.items()]
    return "\n".join(["## Training record", "", "| | |", "|---|---|", *rows])


def _licence(spec: ModelSpec, files: CardFiles) -> str:
    credit = f" By {_inline(spec.attribution)}." if spec.attribution else ""
    lines = [f"The weights: {_inline(spec.license)}.{credit}"]
    hidden = [style.name for style in spec.styles if style.name != IDENTITY and style.name not in files.pictures]
    if hidden:
        lines.append(
            "Style pictures whose licence does not allow it, or does not say so, are not part of this repository: "
            + ", ".join(f"`{_cell(name)}`" for name in hidden)
            + "."
        )
    if files.photos_credit:
        lines.append(files.photos_credit)
    return "## Licence\n\n" + "\n\n".join(lines)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:199] + "…"


def _cell(text: str) -> str:
    """One cell of a table: titles and names come from files of other people."""
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    """No markup, no line break: a title must not become a link, a picture or HTML."""
    flat = " ".join(str(text).split())
    for mark in "\\`*[]<>":
        flat = flat.replace(mark, f"&#{ord(mark)};")
    return flat


def not_shown(styles: Sequence[StyleInfo]) -> list[str]:
    """What to tell the publisher: the styles whose picture stays at home, and why."""
    reasons = []
    for style in styles:
        if style.name != IDENTITY and not may_be_shown(style):
            lacks = "no author is named" if style.license.lower().startswith(CREDITED_PICTURES) else "its licence"
            reasons.append(f"{style.name} ({lacks}: {style.license})")
    return reasons
