"""Which Python objects a pickle asks for, found by reading its opcodes; nothing is executed."""

from __future__ import annotations

import io
import pickletools  # reads opcodes only
import re
import zipfile
from pathlib import Path

MAX_BYTES = 64 * 2**20
"""Of a legacy file's beginning: its pickles come first, the tensors' bytes behind them."""
HARMLESS = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.nn\.parameter\.Parameter|torch\.(\w*Storage|Size|device|bool|b?float\d+|complex\d+|u?int\d+)"
)
"""What tensors are made of; only a name in a message hangs on it, torch.load has its own list."""


def foreign_globals(path: Path) -> list[str]:
    """Names such as `posix.system` that a torch file would import, without torch's own; no repeats."""
    found: dict[str, None] = {}
    for stream in _pickles(path):
        for name in _globals(stream):
            if not HARMLESS.fullmatch(name):
                found.setdefault(name)
    return list(found)


def _pickles(path: Path) -> list[io.BytesIO]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".pkl") and archive.getinfo(n).file_size <= MAX_BYTES]
            return [io.BytesIO(archive.read(n)) for n in names]
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        with path.open("rb") as file:
            return [io.BytesIO(file.read(MAX_BYTES))]


def _globals(stream: io.BytesIO) -> list[str]:
    """GLOBAL carries its name; STACK_GLOBAL takes the two strings pushed last."""
    names: list[str] = []
    strings: list[str] = []
    memo: dict[int, str] = {}
    try:
        while True:  # a legacy file is several pickles one after another
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name in ("GLOBAL", "INST"):
                    names.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    names.append(".".join(strings[-2:]))
                elif opcode.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
                    index = len(memo) if opcode.name == "MEMOIZE" else int(str(argument))
                    memo[index] = strings[-1] if strings else ""
                elif opcode.name in ("BINGET", "LONG_BINGET", "GET"):
                    strings.append(memo.get(int(str(argument)), ""))
                elif isinstance(argument, str):
                    strings.append(argument)
    except Exception:  # noqa: BLE001 - hostile bytes end the scan in any way they like; what was found counts
        return names
