"""MicroAST as its authors publish it: content encoder, style encoder, modulator and decoder in four files.

The two encoders have the same keys and shapes; only the file name says which is which, and the load fails
where it does not.
"""

from __future__ import annotations

from torch import Tensor

from ...errors import CheckpointError
from ...normalization import PRESETS
from .._format import Format, RawCheckpoint, Recognised
from ._norms import AFFINE

BLOCK = ("conv1", "conv2")
ENCODER = {"enc1.0": "stem", "enc1.2": "depthwise.0", "enc1.4": "pointwise.0"}
ENCODER |= {"enc1.6": "depthwise.1", "enc1.8": "pointwise.1"}
ENCODER |= {f"enc1.10.{conv}": f"blocks.0.{conv}" for conv in BLOCK}
ENCODER |= {f"enc2.0.{conv}": f"blocks.1.{conv}" for conv in BLOCK}
MODULATOR = {f"{part}{i + 1}.0": f"{part}.{i}" for part in AFFINE for i in range(2)}
DECODER = {f"dec{i + 1}.{conv}": f"blocks.{i}.{conv}" for i in range(2) for conv in BLOCK}
DECODER |= {"dec3.1": "depthwise.0", "dec3.3": "pointwise.0", "dec3.6": "depthwise.1"}
DECODER |= {"dec3.8": "pointwise.1", "dec3.10": "output"}
PARTS = {
    "content_encoder": ENCODER,
    "style_encoder": ENCODER,
    "modulator": MODULATOR,
    "decoder": DECODER,
}


def _keys(names: dict[str, str]) -> set[str]:
    return {f"{name}.conv_layer.{part}" for name in names for part in AFFINE}


def _is(raw: RawCheckpoint, role: str) -> bool:
    """By keys, and for the encoders by name."""
    if set(raw.tensors) != _keys(PARTS[role]):
        return False
    return not role.endswith("encoder") or role.split("_")[0] in raw.name.lower()


def _part_like(raw: RawCheckpoint) -> bool:
    return any(set(raw.tensors) == _keys(names) for names in PARTS.values())


def _matches(raw: RawCheckpoint) -> bool:
    return all(map(_part_like, raw.parts or (raw,)))


def _convert(raw: RawCheckpoint) -> Recognised:
    given = raw.parts or (raw,)
    found = {role: [part for part in given if _is(part, role)] for role in PARTS}
    missing = [role for role, parts in found.items() if len(parts) != 1]
    if missing or len(given) != len(PARTS):
        raise CheckpointError(
            f"{raw.name} is a part of a MicroAST model, not all of it.",
            expected="four files: " + ", ".join(f"{role}….pth.tar" for role in PARTS),
            got=", ".join(part.name for part in given) + f"; missing or twice: {', '.join(missing) or 'none'}",
            do="Put the four files into one folder and give the folder, or give all four; keep `content` and "
            "`style` in the encoders' file names, which nothing else tells apart.",
        )
    state: dict[str, Tensor] = {}
    for role, names in PARTS.items():
        tensors = found[role][0].tensors
        for theirs, ours in names.items():
            for part in AFFINE:
                state[f"{role}.{ours}.{part}"] = tensors[f"{theirs}.conv_layer.{part}"]
    encoder = "content_encoder"
    widths = [len(state[f"{encoder}.{name}.bias"]) for name in ("stem", "pointwise.0", "pointwise.1")]
    return Recognised("microast", {"widths": widths}, state, PRESETS["unit"], ())


FORMATS = (
    Format(
        id="microast",
        title="MicroAST (Wang et al.)",
        matches=_matches,
        convert=_convert,
        typical_keys=tuple(sorted(_keys(DECODER))),
    ),
)
