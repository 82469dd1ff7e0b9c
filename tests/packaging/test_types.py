"""What static type checkers know of the package: typos are caught, and no right program is.

Both checkers run once, over all programs: those of `typed_programs`, and those that pages show.
"""

import ast
import doctest
import functools
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from support.backends import load_backend, load_emitter_module
from support.code_blocks import list_blocks
from support.made_once import make_once

import syslogfast
from syslogfast import constants, handlers, services, types
from syslogfast._options import OPTIONS

PACKAGE = pathlib.Path(syslogfast.__file__).parent
PROGRAMS = pathlib.Path(__file__).parent / "typed_programs"
# What strict programs have beside these: pages show functions without types, and other packages.
ALLOWED = ("import-untyped", "no-untyped-def", "var-annotated")

Places = dict[str, set[int]]  # the lines with errors, by the name of the file


# --- what the checkers say -----------------------------------------------------------------------


def copy_programs(root: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Write all programs into a folder, each block of a page as one; return their names."""
    for path in PROGRAMS.glob("*.py"):
        shutil.copy(path, folder)
    for page in (root / "README.md", *root.glob("docs/**/*.md")):
        for number, block in enumerate(list_blocks(page, "python")):
            if not re.search("structlog|logging.handlers.*priority_map", block, re.DOTALL):
                (folder / f"{page.stem}_{number}.py").write_text(block)
        session = "\n".join(list_blocks(page, "pycon"))
        examples = doctest.DocTestParser().get_examples(session)
        if examples:
            source = "".join(example.source for example in examples)
            (folder / f"{page.stem}_session.py").write_text(source)
    return sorted(path.name for path in folder.glob("*.py"))


def run_checker(folder: pathlib.Path, *arguments: str) -> str:
    """Return what a module of Python's prints, which is started where only the programs are."""
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    result = subprocess.run(
        [sys.executable, "-Im", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1, (result.stdout, result.stderr)  # it has found the wrong ones
    return result.stdout


def run_mypy(root: pathlib.Path, folder: pathlib.Path) -> None:
    names = copy_programs(root, folder)
    allowed = [f"--disable-error-code={code}" for code in ALLOWED]
    options = ("--strict", "--config-file=", f"--cache-dir={folder / 'cache'}", *allowed)
    found = run_checker(folder, "mypy", *options, *names)
    errors = re.findall(r"^(\S+\.py):(\d+): error: (.*)$", found, re.MULTILINE)
    write_errors(folder, names, errors)


def run_pyright(root: pathlib.Path, folder: pathlib.Path) -> None:
    names = copy_programs(root, folder)
    settings = {"include": names, "typeCheckingMode": "standard"}  # which is pyright's own
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    options = ("--outputjson", "--pythonpath", sys.executable, "--project", str(folder))
    found = json.loads(run_checker(folder, "basedpyright", *options))
    assert found["summary"]["filesAnalyzed"] == len(names)
    errors = [
        (pathlib.Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    ]
    write_errors(folder, names, errors)


def write_errors(folder: pathlib.Path, names: list[str], errors: object) -> None:
    (folder / "errors.json").write_text(json.dumps([names, errors]))


CHECKERS = {"mypy": run_mypy, "basedpyright": run_pyright}


@pytest.fixture(params=CHECKERS)
def found(
    request: pytest.FixtureRequest, root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Places:
    """The lines of all programs that one checker reports, then those of the other."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    check = functools.partial(CHECKERS[request.param], root)
    folder = make_once(tmp_path_factory, request.param, check)
    names, errors = json.loads((folder / "errors.json").read_text())
    places: Places = {name: set() for name in names}
    for name, line, message in errors:
        print(f"{name}:{line}: {message}")  # shown if the test fails
        places[name].add(int(line))
    return places


def list_marked(path: pathlib.Path) -> set[int]:
    lines = path.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# error")}


@pytest.mark.slow
@pytest.mark.surroundings
def test_wrong_lines_are_reported(found: Places) -> None:
    """Each of them, and no other line: a typo in a name or a choice, a wrong kind, too few."""
    marked = list_marked(PROGRAMS / "wrong.py")
    assert len(marked) >= 25
    assert found["wrong.py"] == marked


@pytest.mark.slow
@pytest.mark.surroundings
def test_right_programs_are_accepted(found: Places) -> None:
    """By `mypy --strict`, by pyright, and by pyright's `strict`, which the program asks for."""
    assert found["right.py"] == set()


@pytest.mark.slow
@pytest.mark.surroundings
def test_programs_of_pages_are_accepted(found: Places) -> None:
    """What README and docs show, but for what other packages and a page's functions lack."""
    pages = {name: lines for name, lines in found.items() if name not in ("right.py", "wrong.py")}
    assert {"README_session.py", "moving_1.py", "logging_0.py", "delivery_session.py"} <= set(pages)
    assert {name: lines for name, lines in pages.items() if lines} == {}


def test_right_programs_run(backend: str) -> None:
    load_backend(backend)
    result = subprocess.run(
        [sys.executable, "-I", PROGRAMS / "right.py"],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert 'SALE [order@32473 id="17"] 3 sold\n' in result.stdout


# --- types are what is checked at run time -------------------------------------------------------


def parse(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def show_type(annotation: ast.expr | None) -> str:
    """Return an annotation, quoted or not, as text."""
    assert annotation is not None
    is_quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return annotation.value if is_quoted else ast.unparse(annotation)  # type: ignore[attr-defined]


def list_classes() -> dict[str, ast.ClassDef]:
    """Return the dicts for type checkers alone; no module has them at run time."""
    modules = ("types/__init__", "services", "handlers/__init__")
    nodes = [node for module in modules for node in ast.walk(parse(module))]
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def list_keys(name: str) -> dict[str, str]:
    """Return the types of a TypedDict, by key, its bases' first."""
    classes = list_classes()
    keys: dict[str, str] = {}
    for base in classes[name].bases:
        assert isinstance(base, ast.Name)
        if base.id != "TypedDict":
            keys |= list_keys(base.id)
    fields = [node for node in classes[name].body if isinstance(node, ast.AnnAssign)]
    return keys | {ast.unparse(node.target): show_type(node.annotation) for node in fields}


def find_function(module: str, *path: str) -> ast.FunctionDef:
    """Return a function of a module, or of a class in it, as it is at run time."""
    node: ast.AST = parse(module)
    for name in path:
        kinds = (ast.FunctionDef, ast.ClassDef)
        (node,) = [n for n in ast.walk(node) if isinstance(n, kinds) and n.name == name]
    assert isinstance(node, ast.FunctionDef)
    return node


def list_parameters(function: ast.FunctionDef) -> dict[str, str]:
    """Return the types of what can be given by name."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return {a.arg: show_type(a.annotation) for a in arguments if a.arg != "self"}


OF_ENCODER = list_parameters(find_function("_encoder_py", "Encoder", "__init__"))
OF_CONNECT = list_parameters(find_function("emitter", "connect"))
OF_HANDLER = list_parameters(find_function("handlers/__init__", "SysLogHandler", "__init__"))
EXPECTED = {
    "IdentityOptions": set(OPTIONS) - {"protocol", "framing"},
    "EncoderOptions": set(OPTIONS),
    "ConnectOptions": set(OPTIONS),
    "QueueOptions": set(handlers.DELIVERY),
    "RecordOptions": set(handlers.OTHERS),
    "DeliveryOptions": set(OF_CONNECT),
    "ServiceOptions": {*OPTIONS, *OF_CONNECT},
    "TokenOptions": {*OPTIONS, *OF_CONNECT} - {"protocol", "prefix"},
    "HandlerOptions": {*OPTIONS, *handlers.DELIVERY, *handlers.OTHERS} - set(OF_HANDLER),
}


@pytest.mark.parametrize("name", [name for name in EXPECTED if hasattr(types, name)])
def test_the_module_can_be_imported(name: str) -> None:
    """A program may do so for its own signatures, and there they are the same."""
    assert set(getattr(types, name).__annotations__) <= EXPECTED[name]
    assert getattr(types, name).__optional_keys__ == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_options_are_those_at_run_time(name: str) -> None:
    """Each TypedDict has the names that the function takes, and the types of their parameters."""
    keys = list_keys(name)
    assert set(keys) == EXPECTED[name]
    known = OF_ENCODER | OF_CONNECT
    if name in ("ConnectOptions", "ServiceOptions"):
        known |= {"protocol": "Protocol | None"}  # that of the URLs
    assert {key: keys[key] for key in keys} == {key: known[key] for key in keys}


def test_each_function_names_its_options() -> None:
    """No public function takes `**options` of which a checker knows nothing."""
    kinds = {}
    for module in ("_encoder_py", "_emitter_py", "_bound", "emitter", "formatter", "services"):
        for node in ast.walk(parse(module)):
            if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None:
                kinds[node.name, node.args.kwarg.arg] = show_type(node.args.kwarg.annotation)
    fields = {kind for (_, name), kind in kinds.items() if name == "fields"}
    assert fields == {"object"}
    options = {kind for (_, name), kind in kinds.items() if name != "fields"}
    used = {"Identity", "Encoder", "Connect", "Service", "Token"}
    assert options == {*(f"Unpack[{name}Options]" for name in used), "Never"}  # Never: of Encoder


@pytest.mark.parametrize("option", ["prefix", "protocol"])
@pytest.mark.parametrize("name", ["logentries", "datadog", "loggly", "solarwinds", "sumologic"])
def test_options_of_services_with_a_token(name: str, option: str) -> None:
    """They refuse what their TypedDict lacks; the other services have no such rule."""
    function = find_function("services", name)
    assert function.args.kwarg is not None
    assert show_type(function.args.kwarg.annotation) == "Unpack[TokenOptions]"
    with pytest.raises(ValueError, match=f"^{option} must be left out: it is the service's$"):
        getattr(services, name)("t-1", **{option: OPTIONS[option]})


def list_choices(module: str, name: str) -> tuple[object, ...]:
    """Return the values of a Literal that has a name, None last."""
    assigned = [n for n in ast.walk(parse(module)) if isinstance(n, ast.AnnAssign)]
    (value,) = [n.value for n in assigned if ast.unparse(n.target) == name]
    assert value is not None
    return evaluate_literal(value)


def evaluate_literal(node: ast.expr) -> tuple[object, ...]:
    if isinstance(node, ast.BinOp):  # Literal[...] | None
        assert ast.unparse(node.right) == "None"
        return (*evaluate_literal(node.left), None)
    assert isinstance(node, ast.Subscript)
    assert ast.unparse(node.value) == "Literal"
    values: tuple[object, ...] = ast.literal_eval(node.slice)
    return values


def test_choices_are_those_at_run_time() -> None:
    assert list_choices("types/__init__", "Protocol") == constants.PROTOCOLS
    assert set(list_choices("types/__init__", "Framing")) == set(constants.FRAMINGS)
    assert list_choices("types/__init__", "Controls") == constants.CONTROLS
    assert list_choices("types/__init__", "Overflow") == constants.OVERFLOWS
    assert list_choices("services", "SumologicRegion") == services.SUMOLOGIC_REGIONS


@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("logentries", services.LOGENTRIES_REGIONS),
        ("datadog", tuple(services.DATADOG_URLS)),
        ("solarwinds", services.SOLARWINDS_REGIONS),
    ],
)
def test_regions_are_those_at_run_time(name: str, regions: tuple[str, ...]) -> None:
    kind = list_parameters(find_function("services", name))["region"]
    assert evaluate_literal(ast.parse(kind, mode="eval").body) == regions


def test_statistics_are_those_at_run_time(backend: str) -> None:
    load_backend(backend)
    with load_emitter_module(backend).connect("fd://1") as log:
        stats = log.stats
    kinds = {"int": int, "str | None": (str, type(None)), "dict[str, int]": dict}
    kinds["Counts | None"] = (dict, type(None))
    keys = list_keys("Stats")
    assert set(keys) == set(stats)
    assert all(isinstance(stats[key], kinds[kind]) for key, kind in keys.items())


def test_level_methods_are_those_at_run_time() -> None:
    """The one that checkers see has the parameters of the one that runs, and all its names."""
    seen = find_function("_emitter_py", "EmitterBase", "emergency")
    (run,) = [n for n in ast.walk(parse("_emitter_py")) if getattr(n, "name", "") == "send"]
    assert isinstance(run, ast.FunctionDef)
    for function in (seen, run):
        arguments = function.args
        for argument in (*arguments.posonlyargs[1:], arguments.vararg, *arguments.kwonlyargs):
            assert argument is not None
            argument.annotation = ast.Name(show_type(argument.annotation))
        arguments.posonlyargs[0].annotation = None
        assert arguments.kwarg is not None
        arguments.kwarg.annotation = ast.Name(show_type(arguments.kwarg.annotation))
    assert ast.unparse(seen.args) == ast.unparse(run.args)
    calls = [n for n in ast.walk(parse("_emitter_py")) if isinstance(n, ast.Assign)]
    made = [n for n in calls if "make_level_method" in ast.unparse(n.value)]
    (others,) = [n for n in calls if ast.unparse(n.value) == "emergency"]
    names = {ast.unparse(target) for target in others.targets} | {"emergency"}
    assert names == {ast.unparse(n.targets[0]) for n in made}


def test_unknown_names_are_no_names_of_the_package() -> None:
    """A checker that saw the package's `__getattr__` would take every name for one of them."""
    (function,) = [
        n for n in ast.walk(parse("__init__")) if getattr(n, "name", "") == "__getattr__"
    ]
    hidden = [n for n in parse("__init__").body if isinstance(n, ast.If)]
    (block,) = [n for n in hidden if function.lineno in range(n.lineno, (n.end_lineno or 0) + 1)]
    assert ast.unparse(block.test) == "not TYPE_CHECKING"
