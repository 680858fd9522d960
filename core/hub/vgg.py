"""VGG16 and VGG19 as loss networks: of a 550 MB file only the convolutions, by byte ranges.

The whole file's hash cannot be computed from a part of it. What holds instead: the Hub must publish, at the
commit that is asked, the SHA-256 that the manifest names; every Content-Range must speak of that file's size;
the header's shapes must be those of the network; and the extracted file is hashed and pinned.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ChecksumMismatchError, ConfigError, DownloadError, WeightsNotFoundError
from ._hub_errors import from_hub
from ._lock import exclusive
from .client import RemoteFile, open_range
from .download import ProgressFn, locate, pin, waiting_for
from .integrity import check_file
from .local import local_path
from .manifest import HubSource, WeightEntry, load_manifest
from .part_file import PartFile
from .places import own_cache

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions per block."""
BLOCK_WIDTHS = (64, 128, 256, 512, 512)
MAX_HEADER_BYTES = 1 << 20
"""The real ones have 4 KB."""


@dataclass(frozen=True)
class _Tensor:
    name: str
    """In our file."""
    shape: tuple[int, ...]
    start: int
    """First byte in the remote file."""
    end: int
    """One past the last."""


def get_encoder(name: str, folder: str | Path | None = None, progress: ProgressFn | None = None) -> Path:
    """The loss network `vgg16` or `vgg19` as a local file, downloaded where it is missing (60 and 80 MB).

    Args:
        name: vgg16 or vgg19.
        folder: A models folder; None: Brushwork's corner of the Hub's cache.
        progress: Called with (bytes done, bytes in all).

    Returns:
        A safetensors file with the keys of `VGGFeatures` (`conv1_1.weight` …) and its configuration under
        `brushwork` in the header: RGB 0..1 in, ImageNet mean and deviation, zero padding.

    Raises:
        ConfigError: Another name.
        ChecksumMismatchError: The Hub's or the local file is not the one that the manifest or the pin names.
        DownloadError: The download failed.
    """
    entry = load_manifest().find(name) if name in BLOCKS else None
    if entry is None:
        raise ConfigError(
            f"There is no encoder {name!r} to be downloaded.",
            expected=" or ".join(BLOCKS),
            got=repr(name),
            do="Choose one of these, the bundled `compact`, or the path of a file.",
        )
    return fetch_encoder(entry, None if folder is None else Path(folder), progress)


def fetch_encoder(entry: WeightEntry, folder: Path | None, progress: ProgressFn | None = None) -> Path:
    """Like `get_encoder`, for the manifest's entry of a VGG."""
    found = local_path(entry, [folder] if folder else [])
    if found is not None:
        return found
    if entry.architecture not in BLOCKS or not isinstance(entry.source, HubSource):
        raise WeightsNotFoundError(
            f"{entry.id} cannot be fetched in parts.",
            expected=f"an entry of the Hub with architecture {' or '.join(BLOCKS)}",
            got=f"{entry.architecture}, {type(entry.source).__name__}",
            do="Correct the manifest: leave out `tensors` to fetch the whole file.",
        )
    state = folder or own_cache()
    target = state / entry.filename
    remote = locate(entry, state)
    if entry.sha256 is None or remote.sha256 != entry.sha256:
        raise ChecksumMismatchError(
            f"The Hub does not vouch for {entry.source.label}.",
            expected=f"X-Linked-Etag {entry.sha256}",
            got=f"ETag {remote.etag}",
            do="Nothing was downloaded. Update Brushwork, or check HF_ENDPOINT and your proxy.",
        )
    tensors = _convolutions(_read_header(remote), entry, remote)
    header = _our_header(tensors, entry, remote)
    total = len(header) + sum(tensor.end - tensor.start for tensor in tensors)
    version = f"{remote.etag[:6]}{hashlib.sha256(header).hexdigest()[:6]}"
    with exclusive(state, target.name, waiting_for(target, version, total, progress)):
        if target.exists():  # another process was faster
            check_file(target, None, total)
            return target
        part = PartFile(target, version, total, f"the convolutions of {entry.source.label}")
        try:
            _append(remote, part, header, tensors, progress)
            digest = part.finish(None)
        finally:
            part.close()
        pin(remote, state, digest, total, target.name)
    return target


def _append(
    remote: RemoteFile, part: PartFile, header: bytes, tensors: list[_Tensor], progress: ProgressFn | None
) -> None:
    """Our header, then the tensors' bytes in the order in which they lie in the remote file."""
    if part.done_bytes < len(header):
        part.restart()
        part.write(header)
    if progress is not None:
        progress(part.done_bytes, part.total_bytes)
    skip = part.done_bytes - len(header)
    for start, end in _coalesced(tensors):
        if skip >= end - start:
            skip -= end - start
            continue
        for chunk in _range(remote, start + skip, end):
            part.write(chunk)
            if progress is not None:
                progress(part.done_bytes, part.total_bytes)
        skip = 0


def _coalesced(tensors: list[_Tensor]) -> Iterator[tuple[int, int]]:
    """Neighbouring tensors as one range; in the real files all convolutions are one."""
    start = end = tensors[0].start
    for tensor in tensors:
        if tensor.start != end:
            yield start, end
            start = tensor.start
        end = tensor.end
    yield start, end


def _range(remote: RemoteFile, start: int, end: int) -> Iterator[bytes]:
    """Bytes start to end (exclusive) of the remote file, not one more or less."""
    left = end - start
    with open_range(remote, start, end - 1) as response:
        if response.status != 206:  # refused before the body is read: it would be the whole file
            raise DownloadError(
                f"The server does not send parts of {remote.source.label}.",
                expected=f"status 206 for bytes {start}-{end - 1}",
                got=f"status {response.status}, the whole file of {remote.bytes / 1e6:.0f} MB",
                do="Use the Hub itself, or a mirror (HF_ENDPOINT) that honours Range.",
            )
        if response.total != remote.bytes or response.start != start:
            raise ChecksumMismatchError(
                f"The server's parts of {remote.source.label} are of another file.",
                expected=f"bytes from {start} of {remote.bytes}",
                got=f"bytes from {response.start} of {response.total}",
                do="Check HF_ENDPOINT and your proxy.",
            )
        for chunk in response.chunks():
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
    if left:
        raise from_hub(remote.source, OSError(f"the server sent {end - start - left} of {end - start} bytes"))


def _read_header(remote: RemoteFile) -> tuple[dict[str, Any], int]:
    """Safetensors: eight bytes of length, then JSON. Returns it and where the data begins."""
    (length,) = struct.unpack("<Q", b"".join(_range(remote, 0, 8)))
    if not 2 <= length <= min(MAX_HEADER_BYTES, remote.bytes - 8):
        raise _misfit(remote, f"a header of at most {MAX_HEADER_BYTES} bytes", f"{length} bytes")
    try:
        header = json.loads(b"".join(_range(remote, 8, 8 + length)))
    except ValueError as error:
        raise _misfit(remote, "a JSON header", str(error)) from error
    if not isinstance(header, dict):
        raise _misfit(remote, "a JSON object as header", type(header).__name__)
    return header, 8 + length


def _convolutions(found: tuple[dict[str, Any], int], entry: WeightEntry, remote: RemoteFile) -> list[_Tensor]:
    """The tensors of `features.*` under our names, in the remote file's order; shapes and offsets checked."""
    header, data_start = found
    prefix = (entry.tensors or "").removesuffix("*")
    # torchvision's numbering: convolution, ReLU, …, and a pooling behind each block
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    index, channels = 0, 3
    for block, widths in enumerate(_widths(entry.architecture), 1):
        for number, width in enumerate(widths, 1):
            wanted[f"{prefix}{index}.weight"] = (f"conv{block}_{number}.weight", (width, channels, 3, 3))
            wanted[f"{prefix}{index}.bias"] = (f"conv{block}_{number}.bias", (width,))
            index, channels = index + 2, width
        index += 1
    extra = sorted(key for key in header if key.startswith(prefix) and key not in wanted)
    if extra:
        raise _misfit(remote, f"the {len(wanted)} tensors of {entry.architecture}", f"also {extra[:3]}")
    tensors = []
    for key, (name, shape) in wanted.items():
        row = header.get(key)
        start, end = _offsets(row)
        size = 4
        for side in shape:
            size *= side
        right = isinstance(row, Mapping) and row.get("dtype") == "F32" and row.get("shape") == list(shape)
        if not right or start < 0 or end - start != size or data_start + end > remote.bytes:
            raise _misfit(remote, f"{key}: F32 {list(shape)}", repr(row))
        tensors.append(_Tensor(name, shape, data_start + start, data_start + end))
    tensors.sort(key=lambda tensor: tensor.start)
    if any(a.end > b.start for a, b in itertools.pairwise(tensors)):
        raise _misfit(remote, "tensors side by side", "tensors that overlap")
    return tensors


def _widths(architecture: str) -> list[list[int]]:
    return [[width] * count for width, count in zip(BLOCK_WIDTHS, BLOCKS[architecture], strict=True)]


def _offsets(row: Any) -> tuple[int, int]:
    offsets = row.get("data_offsets") if isinstance(row, Mapping) else None
    if isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(offset, int) for offset in offsets):
        return offsets[0], offsets[1]
    return -1, -1


def _our_header(tensors: list[_Tensor], entry: WeightEntry, remote: RemoteFile) -> bytes:
    """Length and JSON of a native encoder file; deterministic, so that a part can be resumed."""
    from ..normalization import PRESETS  # torch, which this package otherwise does without

    description = {
        "format_version": 1,
        "kind": "encoder",
        "architecture": "vgg",
        "hyperparameters": {
            "widths": _widths(entry.architecture),
            "padding": "zero",
            "ceil_pool": False,
            "input_conv": False,
        },
        "normalization": PRESETS["imagenet"].to_dict(),
        "styles": [],
        "title": entry.title,
        "license": entry.license,
        "attribution": entry.attribution,
        "provenance": {
            "repo_id": remote.source.repo_id,
            "filename": remote.source.filename,
            "commit": remote.commit,
            "sha256": remote.etag,
        },
    }
    rows: dict[str, Any] = {"__metadata__": {"brushwork": json.dumps(description, separators=(",", ":"))}}
    offset = 0
    for tensor in tensors:
        size = tensor.end - tensor.start
        rows[tensor.name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    data = json.dumps(rows, separators=(",", ":")).encode()
    data += b" " * (-len(data) % 8)  # the format wants aligned data
    return struct.pack("<Q", len(data)) + data


def _misfit(remote: RemoteFile, expected: str, got: str) -> ChecksumMismatchError:
    return ChecksumMismatchError(
        f"{remote.source.label} does not hold the network that the manifest names.",
        expected=expected,
        got=got,
        do="Nothing was kept. Update Brushwork, or check HF_ENDPOINT and your proxy.",
    )
