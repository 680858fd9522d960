"""What saved workflows depend on: ids, input names, order, defaults and ranges of every node."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import os
import re
from pathlib import Path

import pytest

NODES = Path(__file__).resolve().parents[2] / "nodes"
GOLDEN = Path(__file__).with_name("node_schemas.json")
UPDATE = "BRUSHWORK_UPDATE_NODE_SCHEMAS"
OPTIONS = ("default", "min", "max", "step", "options")
DYNAMIC = {"model", "companion", "encoder"}
"""Their options are the user's files."""

Schema = dict[str, dict]


def describe(name: str, io_type: str, options: dict) -> dict:
    """One input, reduced to what a saved workflow depends on."""
    kept = {key: options[key] for key in OPTIONS if key in options and not (key == "options" and name in DYNAMIC)}
    return {"name": name, "type": io_type, **kept}


def from_schema(schema) -> dict:
    """A schema made with the stand-in of conftest.py → the golden form."""
    described: dict[str, list] = {"required": [], "optional": []}
    for slot in schema.inputs:
        one = describe(slot.name, slot.io_type, slot.options)
        template = slot.options.get("template")
        if template is not None:
            one["slots"] = {"type": template.one.io_type, "prefix": template.prefix}
            one["slots"] |= {"min": template.min, "max": template.max}
        described["optional" if slot.options.get("optional") else "required"].append(one)
    outputs = [
        {"name": slot.name, "type": slot.io_type, "list": slot.options.get("is_output_list", False)}
        for slot in schema.outputs
    ]
    return {"display_name": schema.display_name, **described, "outputs": outputs}


def compare(found: Schema) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert list(found) == list(golden), "a node id came or went; saved workflows depend on them"
    for node_id, schema in golden.items():
        for part, before in schema.items():
            after = found[node_id][part]
            assert after == before, (
                f"`{part}` of {node_id} changed:\n  {before}\n→ {after}\nSaved workflows depend on it. If intended, "
                f"run once with {UPDATE}=1, and write it in CHANGELOG. Released nodes only get widgets appended."
            )


@pytest.fixture
def schemas(host) -> dict:
    extension = importlib.import_module("brushwork.nodes").BrushworkExtension()
    asyncio.run(extension.on_load())
    return {node: node.define_schema() for node in asyncio.run(extension.get_node_list())}


def test_schemas_are_the_golden_ones(schemas: dict) -> None:
    found = {schema.node_id: from_schema(schema) for schema in schemas.values()}
    if os.environ.get(UPDATE):
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    compare(found)


def test_everything_is_explained(schemas: dict) -> None:
    for schema in schemas.values():
        assert schema.display_name.endswith("(Brushwork)")
        assert schema.category == "image/style transfer"
        assert schema.description
        assert schema.search_aliases
        for slot in [*schema.inputs, *schema.outputs]:
            assert slot.options.get("tooltip"), f"{schema.node_id}: `{slot.name}` has no tooltip"


def test_every_node_has_help(schemas: dict) -> None:
    pages = NODES.parent / "web" / "docs"
    listed = (NODES.parent / "docs" / "nodes.md").read_text(encoding="utf-8")
    for schema in schemas.values():
        page = (pages / f"{schema.node_id}.md").read_text(encoding="utf-8")
        for slot in schema.inputs:
            assert f"`{slot.name}`" in page, f"{schema.node_id}.md does not explain `{slot.name}`"
        assert schema.display_name in listed
        assert "**Recipe" in page, f"{schema.node_id}.md has no recipe"
        pictures = re.findall(r"!\[[^]]{20,}\]\(([^)]+)\)", page)  # relative to /extensions/<pack>/docs/
        assert pictures, f"{schema.node_id}.md has no picture, or no words for those who do not see it"
        for picture in pictures:
            assert (pages / picture).stat().st_size < 40_000, f"{picture} is too large for a help page"
    shown = {
        picture for page in pages.glob("*.md") for picture in re.findall(r"\((images/[^)]+)\)", page.read_text("utf-8"))
    }
    assert shown == {f"images/{picture.name}" for picture in (pages / "images").iterdir()}
    assert {page.stem for page in pages.glob("*.md")} == {schema.node_id for schema in schemas.values()}


@pytest.mark.parametrize("path", sorted(NODES.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_the_manager_can_read_the_node_and_the_node_is_thin(path: Path) -> None:
    """The Manager looks for a direct base and a literal id in the syntax tree; it never imports."""
    (node,) = [item for item in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(item, ast.ClassDef)]
    assert [ast.unparse(base) for base in node.bases] == ["io.ComfyNode"]
    calls = [item for item in ast.walk(node) if isinstance(item, ast.Call)]
    ids = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "node_id"]
    assert [type(value) for value in ids] == [ast.Constant]
    (execute,) = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "execute"]
    statements = [item for item in ast.walk(execute) if isinstance(item, ast.stmt)]
    assert len(statements) < 30


def test_a_broken_node_does_not_take_the_others_away(host, caplog, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = importlib.import_module("brushwork.nodes")
    monkeypatch.setattr(nodes, "NODES", {"no_such_module": "Nothing", **nodes.NODES})
    extension = nodes.BrushworkExtension()
    found = asyncio.run(extension.get_node_list())
    assert len(found) == len(nodes.NODES) - 1
    assert "Nothing" in caplog.text
    assert "Traceback" in caplog.text


LOCALES = NODES.parent / "locales"


def english(schemas: dict) -> dict:
    """locales/en/nodeDefs.json as the schemas say it: what every translation starts from."""
    definitions = {}
    for schema in schemas.values():
        texts: dict[str, dict | str] = {"display_name": schema.display_name, "description": schema.description}
        texts["inputs"] = {slot.name: {"name": slot.name, "tooltip": slot.options["tooltip"]} for slot in schema.inputs}
        texts["outputs"] = {
            str(number): {"name": slot.name, "tooltip": slot.options["tooltip"]}
            for number, slot in enumerate(schema.outputs)
        }
        definitions[schema.node_id] = texts
    return definitions


def test_the_english_texts_of_the_nodes_are_those_of_the_schemas(schemas: dict) -> None:
    path = LOCALES / "en" / "nodeDefs.json"
    if os.environ.get(UPDATE):
        path.write_text(json.dumps(english(schemas), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == english(schemas), (
        f"run once with {UPDATE}=1; a text that changed its meaning wants new translations in locales/*/nodeDefs.json"
    )


def keys(tree: dict, above: str = "") -> set[str]:
    found = set()
    for name, value in tree.items():
        found |= keys(value, f"{above}{name}.") if isinstance(value, dict) else {above + name}
    return found


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "fr", "de", "es"])
def test_every_language_speaks_of_all_that_there_is(language: str) -> None:
    """Names and tooltips of every node, input and output; options, which stay English, are all explained."""
    original = json.loads((LOCALES / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
    translated = json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))
    assert keys(translated) == keys(original), keys(translated) ^ keys(original)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for node, texts in translated.items():
        assert texts["display_name"].endswith(" (Brushwork)"), node
        assert texts["display_name"] != original[node]["display_name"], f"{node} is not translated"
        for slot in (*golden[node]["required"], *golden[node]["optional"]):
            there, here = (one[node]["inputs"][slot["name"]] for one in (original, translated))
            assert here["name"].strip()
            assert here["tooltip"] != there["tooltip"], f"{node}.{slot['name']} is not translated"
            options = [one for one in slot.get("options", []) if isinstance(one, str) and one in there["tooltip"]]
            missing = [one for one in options if one not in here["tooltip"]]
            assert not missing, f"{node}.{slot['name']} does not explain {missing}"


def test_help_explains_every_way_to_keep_colours() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for node, schema in golden.items():
        slots = {slot["name"]: slot for slot in (*schema["required"], *schema["optional"])}
        for name in {"preserve_color", "method"} & set(slots):
            page = (NODES.parent / "web" / "docs" / f"{node}.md").read_text(encoding="utf-8")
            (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
            missing = [option for option in slots[name]["options"] if f"*{option}*" not in row]
            assert not missing, f"{node}.md does not explain {missing}"
