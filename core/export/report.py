"""The parity report: how far the exported file is from the network it came from, as JSON and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

LIMIT = 1 / 255
"""Largest difference that passes: one step of an 8-bit picture."""


@dataclass(frozen=True)
class ParityCheck:
    """Exported file against network on one batch of pictures."""

    batch: int
    height: int
    width: int
    max_difference: float
    """Of all values, 0..1."""
    mean_difference: float


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how it compares."""

    file: str
    format: str
    """Kind of file, for people."""
    bytes: int
    sha256: str
    architecture: str
    model: str
    style: str
    """The baked style, or which input takes it."""
    styles: list[str]
    """Names of the styles in the order of the weights, where weights are an input."""
    inputs: dict[str, list[int | str]]
    """Name → shape; a text is a size that is free."""
    runtime: str
    """What ran the file; empty: nothing did."""
    reference: str
    checks: tuple[ParityCheck, ...] = ()
    reads_back: bool = False
    """Whether Brushwork itself can load the file as a model."""
    style_encoder: str = ""
    """The second file, where the style input is `features`."""
    limit: float = LIMIT

    @property
    def max_difference(self) -> float:
        """Over all sizes."""
        return max((check.max_difference for check in self.checks), default=float("nan"))

    @property
    def passed(self) -> bool:
        """Checked, and nowhere further than the limit."""
        return bool(self.checks) and self.max_difference <= self.limit

    def named(self, file: str, style_encoder: str) -> ExportReport:
        """The same for the files' final names."""
        return replace(self, file=file, style_encoder=style_encoder)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks], "passed": self.passed}

    def to_text(self) -> str:
        """For people."""
        lines = [
            f"{self.file}: {self.format}, {self.bytes:,} bytes",
            f"  model      {self.model} ({self.architecture})",
            f"  style      {self.style}",
            *(f"  input      {name} {_shape(shape)}" for name, shape in self.inputs.items()),
        ]
        if self.styles:
            lines.append(f"  in order   {', '.join(self.styles)}")
        if self.style_encoder:
            lines.append(f"  beside it  {self.style_encoder}: style picture → {', '.join(list(self.inputs)[1:])}")
        if not self.checks:
            return "\n".join([*lines, "  parity     not checked"])
        lines += [f"  runtime    {self.runtime}", f"  reference  {self.reference}"]
        lines += [
            f"  {check.batch} × {check.height} × {check.width:<5} max difference {check.max_difference:.2e}, "
            f"mean {check.mean_difference:.2e}"
            for check in self.checks
        ]
        verdict = "passed" if self.passed else "FAILED"
        lines.append(f"  parity     {verdict}: {self.max_difference * 255:.4f}/255 at most, limit 1/255")
        lines.append(f"  read back  {'by Brushwork as a model' if self.reads_back else 'not by Brushwork'}")
        return "\n".join(lines)


def _shape(shape: list[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"
