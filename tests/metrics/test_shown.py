"""Measurements as table, JSON and plot."""

from __future__ import annotations

import json
import math

from brushwork.core.metrics import Measurement
from brushwork.core.metrics.plot import DOT, ROWS, WIDTH, measurement_plot
from brushwork.core.metrics.table import measurement_dict, measurement_table

FIRST = Measurement(0.25, 0.5, 0.75, 0.125, 3.0, 1.0, math.nan)
SECOND = Measurement(0.75, 0.5, 0.25, 0.375, 1.0, 1.0, 6.0)


def test_table_with_mean():
    lines = measurement_table({"a.png": FIRST, "folder/b.png": SECOND}, flicker=0.0125).splitlines()
    assert lines[0].split() == ["painting", "style", "content", "ssim", "distance", "seam", "border", "checkerboard"]
    assert lines[1].split() == ["a.png", "0.2500", "0.5000", "0.7500", "0.1250", "3.0000", "1.0000", "–"]
    assert lines[3].split()[:3] == ["mean", "0.5000", "0.5000"]
    assert lines[3].split()[-1] == "6.0000"
    assert "0.0125 over 2 frames" in lines[4]
    assert len({len(line) for line in lines[:4]}) == 1
    assert len(measurement_table({"a.png": FIRST}).splitlines()) == 2


def test_json_has_no_nan():
    found = measurement_dict({"a.png": FIRST}, flicker=math.nan)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["paintings"]["a.png"]["checkerboard"] is None
    assert found["flicker"] is None


def test_plot_has_a_dot_where_the_value_is():
    picture = measurement_plot([FIRST])
    assert picture.width == WIDTH
    assert set(ROWS) == set(Measurement.__dataclass_fields__)
    blue = [x for x in range(200, WIDTH) for y in (24 + 31 - 3,) if picture.getpixel((x, y)) == DOT]
    low, high = 210, WIDTH - 110
    assert min(abs(x - (low + 0.25 * (high - low))) for x in blue) <= 4
    measurement_plot([FIRST, SECOND, Measurement(3.1, 1.2, 0, 2, 40, 0, 14)])
