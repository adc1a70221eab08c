"""What pages name and link to is there: files, targets of make, verbs and options; generated parts are up to date."""

from __future__ import annotations

import importlib
import re
import subprocess

import click
import pytest
from hardpath.cli import capabilities
from hardpath.cli.main import VERBS
from hardpath.cli.main import verbs as hardpath
from hardpath.sim.traffic import mixes
from pages import FENCE, PAGES, ROOT

TEXTS = {page: (ROOT / page).read_text() for page in PAGES}
INLINE = [(page, words) for page, text in TEXTS.items() for words in re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]
"""Everything that stands between backquotes within a line."""
OTHER_TOOLS = {"docs/conformance.md", "docs/benchmarks.md"}  # have options of commands of their own


def test_targets_of_make_exist():
    targets = {name for text in TEXTS.values() for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0, (
            target
        )


def test_pages_link_to_what_is_there():
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_every_page_is_reached_from_the_readme():
    reached, new = set(), {"README.md"}
    while new:
        reached |= new
        found = {
            ((ROOT / page).parent / target).resolve()
            for page in new
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXTS[page])
        }
        folders = [path for path in found if path.is_dir()]
        found |= {page for folder in folders for page in folder.glob("*.md")}
        new = {str(path.relative_to(ROOT)) for path in found if path.suffix == ".md"} - reached
    assert reached == {*PAGES}


SCRIPTS = sorted({words for _, words in INLINE if re.match(r"python \S+\.py", words)})


@pytest.mark.parametrize("words", SCRIPTS)
def test_a_script_that_a_page_names_knows_the_options(words, monkeypatch, capsys):
    path, *rest = words.split()[1:]
    monkeypatch.syspath_prepend(str((ROOT / path).parent))
    monkeypatch.setattr("sys.argv", [path, "--help"])
    script = importlib.import_module((ROOT / path).stem)
    assert script.__file__ == str(ROOT / path)
    if options := [word for word in rest if word.startswith("--")]:
        with pytest.raises(SystemExit) as end:
            script.main()
        assert end.value.code == 0
        said = capsys.readouterr().out
        assert all(re.search(rf"{option}\b", said) for option in options), options


def options_of(command: click.Command) -> set[str]:
    """Of a verb, and of all verbs below it."""
    found = {name for parameter in command.params for name in parameter.opts}
    if isinstance(command, click.Group):
        for name in command.commands:
            found |= options_of(command.commands[name])
    return found


def test_verbs_and_options_that_pages_name_are_there():
    every = {name: options_of(hardpath.get_command(click.Context(hardpath), name)) for name in VERBS}
    of_any = set().union(*every.values())
    named = 0
    for page, words in INLINE:
        verb = re.match(r"(?:hardpath )?([a-z]+|VERB)\b(?= |$)", words.removeprefix("hardpath "))
        known = every.get(verb[1], of_any) if verb else of_any
        if words.startswith("hardpath "):
            assert verb and verb[1] in {*VERBS, "VERB"}, f"{page}: {words}"
        elif not words.startswith("--") or page in OTHER_TOOLS:
            continue
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", words):
            assert option in known | {"--help"}, f"{page}: {words}"
            named += 1
    assert named > 50


def test_the_page_of_the_examples_has_them_all():
    for path in (ROOT / "examples").glob("*/*.c"):
        assert f"({path.parent.name}/{path.name})" in TEXTS["examples/README.md"], path.name


def test_the_capability_table_is_what_the_plug_ins_declare():
    remedy = "run: python -m hardpath.cli.capabilities > docs/capabilities.md"
    assert TEXTS["docs/capabilities.md"] == capabilities.markdown(), remedy


def test_the_guide_lists_every_traffic_mix():
    for name, summary in mixes():
        assert f"- `{name}`: {summary}" in TEXTS["docs/user-guide.md"]
