"""naoto0804's AdaIN: a decoder and the normalised VGG19 that it was trained with, in two files.

Both are nn.Sequential, so keys are layer numbers. In the encoder a step of 3 between convolutions is ReLU,
padding, convolution, and a step of 4 has a pooling in between; the decoder's first convolution is number 1,
behind its padding. Decoders for shallower layers of the same encoder load too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from ...architectures.adain import AdaINConfig
from ...architectures.vgg import VGGConfig
from ...errors import CheckpointError
from ...normalization import PRESETS
from .._format import Format, RawCheckpoint, Recognised
from ._norms import AFFINE

POOL_STEP = 4
ENCODER, DECODER = "vgg_normalised.pth", "decoder.pth"


def _numbers(tensors: Mapping[str, Tensor]) -> list[int]:
    """Layer numbers if the keys are those of an nn.Sequential of biased convolutions, else nothing."""
    matched = [re.fullmatch(r"(\d+)\.(weight|bias)", key) for key in tensors]
    if not matched or not all(matched):
        return []
    numbers = sorted({int(match[1]) for match in matched if match})
    convs = all(f"{n}.{part}" in tensors for n in numbers for part in AFFINE)
    return numbers if convs and all(tensors[f"{n}.weight"].ndim == 4 for n in numbers) else []


def is_encoder(raw: RawCheckpoint) -> bool:
    """1×1 convolution 3 → 3 at 0, then 3×3 ones."""
    numbers = _numbers(raw.tensors)
    return numbers[:2] == [0, 2] and tuple(raw.tensors["0.weight"].shape) == (3, 3, 1, 1)


def is_decoder(raw: RawCheckpoint) -> bool:
    """3×3 convolutions from number 1 on, the last of which gives a picture."""
    numbers = _numbers(raw.tensors)
    return numbers[:1] == [1] and raw.tensors[f"{numbers[-1]}.weight"].shape[0] == 3


def _matches(raw: RawCheckpoint) -> bool:
    if len(raw.parts) == 2:
        return any(map(is_encoder, raw.parts)) and any(map(is_decoder, raw.parts))
    return not raw.parts and (is_encoder(raw) or is_decoder(raw))


def _convert(raw: RawCheckpoint) -> Recognised:
    if not raw.parts:
        raise _incomplete(raw)
    encoder = next(part for part in raw.parts if is_encoder(part))
    decoder = next(part for part in raw.parts if is_decoder(part))
    theirs = _numbers(decoder.tensors)
    numbers = _numbers(encoder.tensors)[: len(theirs) + 1]  # number 0 and one for each of the decoder
    blocks = _blocks(numbers[1:])
    names = [f"conv{b}_{i}" for b, block in enumerate(blocks, 1) for i in range(1, len(block) + 1)]
    state = _take(encoder, numbers, ["encoder.conv0", *(f"encoder.{name}" for name in names)])
    state |= _take(decoder, theirs, [f"decoder.{name}" for name in reversed(names)])
    last = (state[f"encoder.{names[-1]}.weight"].shape[0], state[f"decoder.{names[-1]}.weight"].shape[1])
    if len(names) != len(theirs) or last[0] != last[1]:
        raise CheckpointError(
            f"{decoder.name} was not trained with {encoder.name}.",
            expected=f"an encoder of {len(theirs)} convolutions or more, {last[1]} channels after that many",
            got=f"{len(_numbers(encoder.tensors)) - 1} convolutions, {last[0]} channels",
            do=f"Give the encoder that belongs to the decoder; naoto0804's is {ENCODER}.",
        )
    widths = tuple(tuple(encoder.tensors[f"{n}.weight"].shape[0] for n in block) for block in blocks)
    config = AdaINConfig(VGGConfig(widths, "reflect", ceil_pool=True, input_conv=True))
    return Recognised("adain", config.to_dict(), state, PRESETS["unit"], ())


def _blocks(numbers: Sequence[int]) -> list[list[int]]:
    """Layer numbers by resolution."""
    blocks = [[numbers[0]]]
    for before, number in itertools.pairwise(numbers):
        if number - before == POOL_STEP:
            blocks.append([])
        blocks[-1].append(number)
    return blocks


def _take(raw: RawCheckpoint, numbers: Sequence[int], names: Sequence[str]) -> dict[str, Tensor]:
    return {
        f"{name}.{part}": raw.tensors[f"{number}.{part}"]
        for number, name in zip(numbers, names, strict=True)
        for part in AFFINE
    }


def _incomplete(raw: RawCheckpoint) -> CheckpointError:
    have, need, file = ("encoder", "decoder", DECODER) if is_encoder(raw) else ("decoder", "encoder", ENCODER)
    return CheckpointError(
        f"{raw.name} is the {have} of an AdaIN model; its {need} is missing.",
        expected=f"two files, this one and {file} of naoto0804/pytorch-AdaIN or the like",
        got=f"the {have} alone",
        do=f"Give the {need}'s file as companion: --model {raw.name} {file}",
    )


def _typical() -> tuple[str, ...]:
    numbers = (1, 5, 8, 11, 14, 18, 21, 25, 28)
    return tuple(f"{number}.{part}" for number in numbers for part in AFFINE)


FORMATS = (
    Format(
        id="adain",
        title="naoto0804 pytorch-AdaIN",
        matches=_matches,
        convert=_convert,
        typical_keys=_typical(),
    ),
)
