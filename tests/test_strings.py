"""Every language says everything: the page's table of texts, and the locales of settings and commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
JS = ROOT / "web" / "js"
LANGUAGES = ("en", "zh", "ja", "ko", "fr", "de", "es")


def table() -> dict[str, dict[str, str]]:
    """string_table.js: one line a text."""
    found: dict[str, dict[str, str]] = {}
    for line in (JS / "string_table.js").read_text(encoding="utf-8").splitlines():
        if language := re.fullmatch(r"  (\w\w): \{", line):
            found[language[1]] = {}
        elif text := re.fullmatch(r'    (\w+): "(.+)",', line):
            texts = found[list(found)[-1]]
            assert text[1] not in texts, f"{text[1]} twice"
            texts[text[1]] = text[2]
        else:
            assert re.fullmatch(r"//.*|export const TABLE = \{|  \},|\};", line), line
    return found


def marks(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def test_all_languages_have_all_texts_with_the_same_marks() -> None:
    texts = table()
    assert tuple(texts) == LANGUAGES
    for language, own in texts.items():
        assert list(own) == list(texts["en"]), language
        for key, text in own.items():
            assert marks(text) == marks(texts["en"][key]), f"{language}.{key}"


def test_every_text_is_used_and_every_used_one_is_there() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(JS.glob("*.js")) if path.stem != "string_table")
    known = set(table()["en"])
    used = set(re.findall(r'\bt\("(\w+)"', code)) | set(re.findall(r't\(there \? "(\w+)" : "(\w+)"\)', code)[0])
    used |= {"corner0", "corner1", "corner2", "corner3"}  # by number
    used |= {
        "bundled",
        "local",
        "hub",
        "small",
        "large",
        "method",
        "license",
        "where",
        "strokeSize",
    }  # by a card's field
    assert used == known, used ^ known


@pytest.mark.parametrize("language", LANGUAGES)
def test_settings_and_commands_are_spoken(language: str) -> None:
    settings = set(re.findall(r'"(Brushwork\.\w+)"', (JS / "settings.js").read_text(encoding="utf-8")))
    code = (JS / "brushwork.js").read_text(encoding="utf-8")
    commands = set(re.findall(r'id: "(Brushwork\.\w+)"', code))
    for name, ids, fields in (("settings", settings, {"name", "tooltip"}), ("commands", commands, {"label"})):
        spoken = json.loads((ROOT / "locales" / language / f"{name}.json").read_text(encoding="utf-8"))
        own = {key: value for key, value in spoken.items() if key.startswith("Brushwork_")}
        assert set(own) == {one.replace(".", "_") for one in ids}
        assert all(set(value) == fields and all(value.values()) for value in own.values())


def test_settings_of_the_page_are_those_that_the_server_reads() -> None:
    page = set(re.findall(r'"(Brushwork\.\w+)"', (JS / "settings.js").read_text(encoding="utf-8")))
    server = set(re.findall(r'values\.get\("(Brushwork\.\w+)"', (ROOT / "nodes" / "_settings.py").read_text("utf-8")))
    assert page == server


def test_english_settings_are_those_of_the_code() -> None:
    code = (JS / "settings.js").read_text(encoding="utf-8")
    spoken = json.loads((ROOT / "locales" / "en" / "settings.json").read_text(encoding="utf-8"))
    for texts in spoken.values():
        for text in texts.values():
            assert f'"{text}"' in code
