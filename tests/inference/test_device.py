"""Devices, precisions, and the converted copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from brushwork.core.errors import ConfigError
from brushwork.core.inference import Stylizer, resolve_device
from brushwork.core.inference.device import bf16_is_fast, resolve_dtype

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.mark.parametrize(
    ("precision", "device", "dtype"),
    [
        ("auto", CPU, torch.float32),
        ("auto", MPS, torch.float32),
        ("auto", CUDA, torch.float16),
        ("exact", CUDA, torch.float32),
        ("fast", CPU, torch.bfloat16),
        ("fast", MPS, torch.float16),
        ("fast", CUDA, torch.float16),
    ],
)
@pytest.mark.usefixtures("fast_is_bf16")
def test_precision_table(precision, device, dtype):
    assert resolve_dtype(precision, device) == dtype
    assert resolve_dtype(precision, device, torch.float16) == dtype


def test_fast_is_never_an_imitation(monkeypatch):
    """On an Ice Lake without AVX512-BF16 bfloat16 took three times as long as float32."""
    monkeypatch.setattr("brushwork.core.inference.device.bf16_is_fast", lambda _: False)
    assert resolve_dtype("fast", CPU) == torch.float32
    assert resolve_dtype("fast", CPU, torch.float64) == torch.float64
    assert resolve_dtype("fast", CUDA) == torch.float16


def test_bfloat16_where_nothing_is_known_is_not_fast():
    assert not bf16_is_fast(MPS)
    flags = Path("/proc/cpuinfo")
    if flags.exists() and "avx" in (known := flags.read_text()):
        assert bf16_is_fast(CPU) == ("avx512_bf16" in known or "amx_tile" in known)


def test_unknown_names_are_explained():
    with pytest.raises(ConfigError, match="exact"):
        resolve_dtype("double", CPU)
    for device in ("toaster", "cpu:banana", "meta:3x"):
        with pytest.raises(ConfigError, match="no device"):
            resolve_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cuda_without_cuda_is_explained():
    with pytest.raises(ConfigError, match="auto, cpu"):
        resolve_device("cuda")
    assert resolve_device("auto").type in ("cpu", "mps")


@pytest.mark.usefixtures("fast_is_bf16")
@pytest.mark.parametrize("stored", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_the_model_given_is_not_modified(any_model, stored, precision):
    any_model.network.to(stored)
    before = {name: tensor.clone() for name, tensor in any_model.network.state_dict().items()}
    Stylizer(any_model, "cpu", precision)(torch.rand(1, 3, 20, 20))
    after = any_model.network.state_dict()
    assert all(
        torch.equal(after[name], tensor) and after[name].dtype == tensor.dtype for name, tensor in before.items()
    )


@pytest.mark.usefixtures("fast_is_bf16")
def test_no_copy_where_none_is_needed(fixed):
    assert Stylizer(fixed, "cpu", "exact").model is fixed
    fast = Stylizer(fixed, "cpu", "fast")
    assert fast.model is fixed, "the engine prepares its own weights from the float32 ones"
    assert fast.painter.plain is not fixed


def test_float64_models_stay_float64_in_exact(fixed):
    fixed.network.double()
    photo = torch.rand(1, 3, 20, 20, dtype=torch.float64)
    assert (Stylizer(fixed, "cpu", "exact")(photo) - fixed(photo)).abs().max() < 1e-12


@pytest.mark.usefixtures("fast_is_bf16")
def test_fast_is_close_to_exact_and_keeps_statistics_in_float32(any_model):
    photo = torch.rand(1, 3, 64, 64)
    fast = Stylizer(any_model, "cpu", "fast")
    error = (fast(photo) - Stylizer(any_model, "cpu", "exact")(photo)).square().mean()
    assert -10 * error.log10() > 35
    norms = {n: p.dtype for n, p in fast.painter.plain.network.named_parameters() if ".norm." in n}
    convs = {n: p.dtype for n, p in fast.painter.plain.network.named_parameters() if ".norm." not in n}
    assert set(norms.values()) == {torch.float32}
    assert set(convs.values()) == {torch.bfloat16}
    original = any_model.network.state_dict()
    assert all(torch.equal(p, original[n]) for n, p in fast.painter.plain.network.named_parameters() if n in norms)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_instance_norm_of_half_precision_has_accurate_statistics(dtype):
    from brushwork.core.architectures._layers import ConditionalInstanceNorm, InstanceNorm

    x = (100 + torch.randn(1, 4, 64, 64)).to(dtype)
    wide = x.double()
    mean, variance = wide.mean((2, 3), keepdim=True), wide.var((2, 3), correction=0, keepdim=True)
    expected = (wide - mean) / (variance + 1e-5).sqrt()
    rounding = torch.finfo(dtype).eps * expected.abs().max()
    assert (InstanceNorm(4)(x).double() - expected).abs().max() < rounding
    conditional = ConditionalInstanceNorm(4, 2)(x, torch.tensor([[0.5, 0.5]]))
    assert (conditional.double() - expected).abs().max() < 2 * rounding
