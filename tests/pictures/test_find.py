"""Files, folders, globs."""

from __future__ import annotations

from pathlib import Path

import pytest
from brushwork.core.errors import ImageError
from brushwork.core.pictures import find_pictures
from brushwork.core.pictures.find import find_with_names


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.tif", "sub/deep/d.webp", ".cache/e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_folder_gives_its_pictures_sorted_with_subfolders(tree):
    assert names(find_pictures([tree]), tree) == ["a.PNG", "b.jpg", "sub/c.tif", "sub/deep/d.webp"]


def test_globs_are_expanded_here(tree):
    assert names(find_pictures([f"{tree}/*.*"]), tree) == ["a.PNG", "b.jpg"]
    assert names(find_pictures([f"{tree}/**/*.tif"]), tree) == ["sub/c.tif"]
    assert names(find_pictures([f"{tree}/su*"]), tree) == ["sub/c.tif", "sub/deep/d.webp"]


def test_order_is_as_given_and_nothing_comes_twice(tree):
    found = find_pictures([tree / "sub" / "c.tif", tree, tree / "b.jpg"])
    assert names(found, tree) == ["sub/c.tif", "a.PNG", "b.jpg", "sub/deep/d.webp"]


def test_a_named_file_is_tried_whatever_it_is_called(tree):
    odd = tree / "odd[1].jpg"
    odd.write_bytes(b"")
    assert find_pictures([odd, tree / "notes.txt"]) == [odd, tree / "notes.txt"]


def test_names_are_relative_to_the_folder(tree):
    found = find_with_names([tree, tree / "notes.txt"])
    assert found[tree / "sub" / "deep" / "d.webp"] == Path("sub/deep/d.webp")
    assert found[tree / "notes.txt"] == Path("notes.txt")


def test_what_matched_nothing_is_said(tree):
    (tree / "void").mkdir()
    with pytest.raises(ImageError) as caught:
        find_pictures([tree, f"{tree}/*.bmp", tree / "gone.jpg", tree / "void"])
    assert "*.bmp" in str(caught.value)
    assert "gone.jpg" in str(caught.value)
    assert "void" in str(caught.value)
    assert "a.PNG" not in str(caught.value)
