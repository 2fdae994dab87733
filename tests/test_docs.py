"""What README and the pages say is there, is: files, headings, targets of make, commands of fmi, keys with their values."""

import ast
import importlib.util
import re
import shlex
from pathlib import Path
from textwrap import dedent

import fmi_mx
from fmi_mx import cli
from fmi_mx.claims.settings import load_settings
from fmi_mx.errors import InputError
from fmi_mx.experiment.experiment import load_experiment
from fmi_mx.experiment.schemas import SCHEMAS
from fmi_mx.files.plain_yaml import read_yaml

ROOT = Path(__file__).resolve().parent.parent
README, DOCS = ROOT / "README.md", sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, ROOT / "model" / "README.md", ROOT / "figures" / "README.md", ROOT / "CHANGELOG.md"]
EXPERIMENTS = ROOT / "experiments"
FILES = [*(EXPERIMENTS / f"fig{number}.yaml" for number in range(1, 6)), EXPERIMENTS / "claims.yaml"]
OPTIMISERS = ({}, {"optimiser.name": "lbfgs"}, {"optimiser.name": "adam"})  # a key may be one optimiser's alone
PLACES = re.compile(r"(?:experiments|fmi_mx|tests|docs|model|figures|\.ci)/[\w./-]*\w")
PRODUCTS = re.compile(
    r"figures/(?!README|readme/)|model/vgg19\w*\.|experiments/panels/\w+\.png"
)  # of runs and downloads: not in the clone
STANDS_FOR = re.compile(r"[A-Z]+|\.\.\.")  # something else: KEY, VALUE, FILE


def text_of(path):
    return path.read_text(encoding="utf-8")


MAKEFILE, CLI = text_of(ROOT / "Makefile"), text_of(Path(cli.__file__))


def blocks(page, language=""):
    """The fenced blocks of a page."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text_of(page), re.M | re.S)


def spans(page):
    """What a page has between backticks; a line break in it is a space."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def test_what_is_opened_by_backticks_is_closed():
    for page in PAGES:
        fences = re.findall(r"^.*```.*$", text_of(page), re.M)
        assert [line for line in fences if not re.fullmatch(r" *```\w*", line)] == [], page
        assert len(fences) % 2 == 0, page
        paragraphs = re.split(r"\n\s*\n|^ *```.*$", text_of(page), flags=re.M)
        assert [one for one in paragraphs if one.count("`") % 2] == [], page


def command_lines(page):
    """Everything that a page shows of a shell, each a list of words: in blocks, and between backticks."""
    shell = re.compile(r"\s*([A-Z_]+=|--[a-z]|(make|fmi) )")
    lines = [line for block in blocks(page) for line in re.split(r"\n|&&", block)] + spans(page)
    return [shlex.split(line, comments=True) for line in lines if shell.match(line)]


def everywhere(find):
    """What find(page) finds in all pages: a list of (page's name, found), which is not empty."""
    found = [(str(page.relative_to(ROOT)), one) for page in PAGES for one in find(page)]
    assert found
    return found


def commands(program):
    """The arguments of each command line of a program, everywhere."""
    lines = [(page, words) for page, words in everywhere(command_lines) if program in words]
    return [(page, words[words.index(program) + 1 :]) for page, words in lines]


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_link_leads_to_a_file_and_a_heading():
    def leads(page, link):
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        return target.exists() and ROOT in target.parents and (not anchor or anchor in anchors(target))

    links = everywhere(lambda page: re.findall(r"\]\(([^)\s]+)\)", text_of(page)))
    assert [one for one in links if not re.match(r"https?://", one[1]) and not leads(*one)] == []


def test_each_target_and_variable_of_make_is_in_the_makefile():
    lists = re.findall(r"^(?:\.PHONY:|(?:FIGURES|RUNS|COMPARISONS|TRIALS) *:=) (.*)$", MAKEFILE, re.M)
    known = {*" ".join(lists).split(), *(f"{name}=" for name in re.findall(r"^(\w+) +\?=", MAKEFILE, re.M))}
    named = [(page, word) for page, words in commands("make") for word in words]
    named += [(page, word) for page, words in everywhere(command_lines) for word in words[:1] if re.match("[A-Z]+=", word)]
    assert [(page, word) for page, word in named if word.partition("=")[0] + "=" * ("=" in word) not in known] == []


def test_each_command_of_fmi_can_be_parsed():
    def parsed(words):
        words = [word for word in words if word not in ("--help", "...")]
        try:
            cli.parser().parse_args(words)
        except InputError as error:  # for want of arguments, where a text only names a command
            return "required" in str(error) and all(re.fullmatch("[a-z]+", word) for word in words)
        return True

    assert [(page, words) for page, words in commands("fmi") if not parsed(words)] == []


def test_each_option_and_variable_is_known_to_fmi():
    named = everywhere(lambda page: [words[0] for words in command_lines(page) if words[0].startswith("--")])
    named += everywhere(lambda page: re.findall(r"\bFMI_[A-Z]+", text_of(page)))
    assert [(page, name) for page, name in named if f'"{name}"' not in CLI] == []


def settings(words):
    """What a command line sets, by ``--set`` or ``SET``: key -> value."""
    sets = [word for option, word in zip(words, words[1:]) if option == "--set"]
    sets += [pair for word in words if word.startswith("SET=") for pair in word[4:].split()]
    found = [pair.partition("=")[::2] for pair in sets]
    return {key: read_yaml(value) for key, value in found if not any(map(STANDS_FOR.fullmatch, (key, value)))}


def taken(values, paths):
    """Whether one of the files takes values laid over it, with the optimiser that they need."""
    for path in paths:
        for optimiser in OPTIMISERS:
            try:
                if path.stem == "claims":
                    load_settings(path, values)
                else:
                    load_experiment(path, **{**optimiser, **values})
                return True
            except InputError:
                continue
    return False


def test_each_setting_is_taken_by_the_file_or_by_one_of_them():
    def good(words):
        named = [EXPERIMENTS / f"{Path(word).stem}.yaml" for word in words]
        return taken(settings(words), [path for path in named if path in FILES] or FILES)

    lines = [one for one in everywhere(command_lines) if settings(one[1])]
    assert lines
    assert [(page, words) for page, words in lines if not good(words)] == []


def test_each_key_may_have_the_value_that_stands_behind_it():
    lines = everywhere(lambda page: [span for span in spans(page) if re.fullmatch(r"[a-z]\w*(\.\w+)?: \S.*", span)])
    pairs = [(page, *line.split(": ", 1)) for page, line in lines]
    assert [one for one in pairs if one[1] == "method" and one[2] not in SCHEMAS] == []
    assert [one for one in pairs if one[1] != "method" and not taken({one[1]: read_yaml(one[2])}, FILES)] == []


def test_each_path_is_there():
    named = everywhere(lambda page: [path for span in spans(page) for path in PLACES.findall(span)])
    assert [one for one in named if not PRODUCTS.match(one[1]) and not (ROOT / one[1]).exists()] == []


def test_each_page_that_a_source_names_is_there():
    places = [ROOT / "Makefile", *(ROOT / "fmi_mx").rglob("*.py"), *EXPERIMENTS.glob("*.yaml")]
    named = [(str(path), page) for path in places for page in re.findall(r"docs/\w+\.md", text_of(path))]
    assert named
    assert [one for one in named if not (ROOT / one[1]).exists()] == []


def test_python_imports_what_is_there():
    def there(node):
        names = {one.name for one in node.names}
        return importlib.util.find_spec(node.module) and (node.module != "fmi_mx" or names <= set(fmi_mx.__all__))

    trees = everywhere(lambda page: (ast.parse(dedent(block)) for block in blocks(page, "python")))
    nodes = [(page, node) for page, tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert nodes
    assert [(page, ast.dump(node)) for page, node in nodes if not there(node)] == []


def test_pages_and_pictures_are_small():
    assert len(text_of(README).splitlines()) <= 150
    assert README.stat().st_size <= 10_000
    assert [page for page in DOCS if len(text_of(page).splitlines()) >= 200] == []
    assert [path for path in (ROOT / "figures" / "readme").iterdir() if path.stat().st_size > 300_000] == []


def test_the_page_of_keys_has_every_key_and_the_methods_that_have_it():
    """So that it cannot fall behind."""
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `")]
    descend = {method for method, schema in SCHEMAS.items() if "stop" in schema}
    named = {"all": set(SCHEMAS), "those that descend": descend}
    found = {}
    for keys, methods, _ in rows:
        but = methods.partition("all but ")[2]
        of = set(SCHEMAS) - set(but.split(", ")) if but else named.get(methods) or set(methods.split(", "))
        found.update({key.strip("` "): of for key in keys.split(",")})
    assert found == {key: {method for method, schema in SCHEMAS.items() if key in schema}
                     for schema in SCHEMAS.values() for key in schema}  # fmt: skip
