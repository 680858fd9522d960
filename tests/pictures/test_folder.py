"""Folders of pictures: names, resuming, bad files, full disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from brushwork.core.errors import BrushworkError, ConfigError, ImageError
from brushwork.core.pictures import read_picture
from brushwork.core.pictures.folder import RECORD, SAME_FORMAT, ByRows, paint_folder, plan_folder
from PIL import Image


def save(path: Path, colour: tuple[int, ...] = (10, 20, 30), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA" if len(colour) == 4 else "RGB", (6, 4), colour).save(path, **options)
    return path


def inverted(image: torch.Tensor) -> torch.Tensor:
    return torch.cat((1 - image[:, :3], image[:, 3:]), 1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    save(folder / "a.png")
    save(folder / "b.jpg", quality=100)
    save(folder / "c.png", (10, 20, 30, 128))
    return folder


def test_names_are_kept(source: Path, tmp_path: Path) -> None:
    save(source / "old.gif")
    save(source / "below" / "d.png")
    save(source / ".hidden" / "e.png")
    (source / "notes.txt").write_text("no picture")
    target = tmp_path / "out"

    def names(*arguments: object, **options: object) -> list[str]:
        plan = plan_folder(source, target, *arguments, **options)
        assert all(path.is_relative_to(target) for path in plan.values())
        return [path.relative_to(target).as_posix() for path in plan.values()]

    assert names() == ["a.png", "b.jpg", "c.png", "old.png"]
    assert names(".webp") == ["a.webp", "b.webp", "c.webp", "old.webp"]
    assert names(SAME_FORMAT, subfolders=True) == ["a.png", "b.jpg", "below/d.png", "c.png", "old.png"]


def test_two_pictures_never_become_one_file(source: Path, tmp_path: Path) -> None:
    save(source / "a.jpg")
    save(source / "A.bmp")
    plan = plan_folder(source, tmp_path / "out", ".png")
    assert sorted(path.name for path in plan.values()) == ["A_bmp.png", "a_jpg.png", "a_png.png", "b.png", "c.png"]


def test_the_target_inside_the_source_is_not_painted_again(source: Path) -> None:
    save(source / "out" / "z.png")
    assert len(plan_folder(source, source / "out", subfolders=True)) == 3
    with pytest.raises(ConfigError, match="would replace the pictures"):
        plan_folder(source, source / "out" / "..")


def test_nothing_to_paint_and_unknown_formats_are_explained(tmp_path: Path, source: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="no picture in") as caught:
        plan_folder(tmp_path / "empty", tmp_path / "out")
    assert "do: " in str(caught.value)
    with pytest.raises(ConfigError, match="this format"):
        plan_folder(source, tmp_path / "out", ".gif")


def test_painted_as_the_function_says_with_alpha_and_metadata(source: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a title"
    save(source / "b.jpg", quality=100, exif=exif)
    plan = plan_folder(source, tmp_path / "out")
    report = paint_folder(plan, tmp_path / "out", inverted, {"strength": 1})
    assert str(report) == "3 painted"
    with Image.open(tmp_path / "out" / "c.png") as image:
        assert image.getpixel((0, 0)) == (245, 235, 225, 128)
    with Image.open(tmp_path / "out" / "b.jpg") as image:
        assert image.getexif()[0x010E] == "a title"


def test_a_cancelled_run_goes_on_where_it_was(source: Path, tmp_path: Path) -> None:
    target, seen = tmp_path / "out", []
    for name in ("d", "e", "f", "g"):
        save(source / f"{name}.png")

    def painted(image: torch.Tensor) -> torch.Tensor:
        seen.append(image)
        return inverted(image)

    def cancel(done: int, total: int, painting: torch.Tensor | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    plan = plan_folder(source, target)
    with pytest.raises(KeyboardInterrupt):
        paint_folder(plan, target, painted, {"strength": 1}, done=cancel)
    before = sorted(path.name for path in target.iterdir() if path.name != RECORD)
    assert before[:2] == ["a.png", "b.jpg"]
    assert len(before) == len(seen) < 7, "what was painted is written"
    report = paint_folder(plan, target, painted, {"strength": 1})
    assert (len(report.painted), len(report.kept), len(seen)) == (7 - len(before), len(before), 7)
    report = paint_folder(plan, target, painted, {"strength": 1})
    assert (len(report.kept), len(seen)) == (7, 7)


def test_changed_pictures_and_other_settings_are_painted_anew(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    plan = plan_folder(source, target)
    paint_folder(plan, target, inverted, {"strength": 1})
    save(source / "a.png", (200, 200, 201))
    report = paint_folder(plan, target, inverted, {"strength": 1})
    assert [path.name for path in report.painted] == ["a.png"]
    assert read_picture(target / "a.png").image[0, 2, 0, 0] == pytest.approx(54 / 255)
    report = paint_folder(plan, target, inverted, {"strength": 0.5})
    assert len(report.painted) == 3


def test_files_of_others_stay_unless_all_is_replaced(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    mine = save(target / "a.png", (1, 2, 3))
    before = mine.read_bytes()
    plan = plan_folder(source, target)
    report = paint_folder(plan, target, inverted, {})
    assert report.foreign == [mine]
    assert mine.read_bytes() == before
    assert "left alone" in str(report)
    report = paint_folder(plan, target, inverted, {}, replace_all=True)
    assert len(report.painted) == 3
    assert mine.read_bytes() != before


def test_a_torn_record_costs_one_painting(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    plan = plan_folder(source, target)
    paint_folder(plan, target, inverted, {})
    record = target / RECORD
    record.write_text(record.read_text(encoding="utf-8")[:-10], encoding="utf-8")
    report = paint_folder(plan, target, inverted, {})
    assert [path.name for path in report.foreign] == ["c.png"]
    assert len(report.kept) == 2


def test_bad_pictures_are_reported_and_do_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    (source / "b.jpg").write_bytes(b"")  # an upload that failed
    plan = plan_folder(source, tmp_path / "out")
    calls = []
    report = paint_folder(plan, tmp_path / "out", inverted, {}, done=lambda *call: calls.append(call[:2]))
    assert [path.name for path in report.failed] == ["b.jpg"]
    assert "failed: b.jpg: 0 bytes" in str(report)
    assert calls == [(1, 3), (2, 3), (3, 3)]
    for path in source.iterdir():
        path.write_bytes(b"")
    with pytest.raises(ImageError, match="not a readable picture"):
        paint_folder(plan_folder(source, tmp_path / "new"), tmp_path / "new", inverted, {})


def test_large_pictures_are_painted_by_rows_and_recorded(source: Path, tmp_path: Path) -> None:
    """`a` by rows, `b` is large but can only be painted as a whole, `c` is not large."""
    target, calls = tmp_path / "out", []

    def paint(photo: Path, painting: Path) -> str:
        calls.append(photo.name)
        if photo.name[0] == "a":
            save(painting, (0, 0, 0))
        return "" if photo.name[0] == "a" else "not this one"

    by_rows = ByRows(lambda path: path.name[0] in "ab", paint)
    plan = plan_folder(source, target)
    report = paint_folder(plan, target, inverted, {}, by_rows=by_rows)
    assert [path.name[0] for path in report.painted] == ["a", "b", "c"]
    assert [name[0] for name in calls] == ["a", "b"]
    assert read_picture(report.painted[0]).image.max() == 0
    wanted = inverted(read_picture(next(path for path in plan if path.name[0] == "b")).image)
    assert (read_picture(report.painted[1]).image - wanted).abs().max() < 0.05
    assert len(paint_folder(plan, target, inverted, {}, by_rows=by_rows).kept) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_ends_the_run_with_what_to_do(source: Path, tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "out"
    plan = plan_folder(source, target)
    opened = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode == "wb" and "b" in self.name[:3]:
            return opened(Path("/dev/full"), mode, *args, **kwargs)
        return opened(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(BrushworkError, match="cannot be written") as caught:
        paint_folder(plan, target, inverted, {})
    assert "free disk space" in str(caught.value)
    names = {path.name for path in target.iterdir()}
    assert {RECORD, "a.png"} <= names <= {RECORD, "a.png", "c.png"}  # whole or not there
    monkeypatch.setattr(Path, "open", opened)
    report = paint_folder(plan, target, inverted, {})
    assert report.painted[0].name == "b.jpg"
    assert len(report.painted) + len(report.kept) == 3
