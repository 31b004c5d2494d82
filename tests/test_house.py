"""The order of the house, held by the imports of every module, those inside functions included.

Who imports whom is read from the text: an import that only a type checker sees counts too.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = "dsqlkit"

ORDER = (
    *(
        "errors",
        "interruption",
        "pausing",
        "quotas",
        "dpu",
        "whole_file",
        "file_lock",
        "queries",
        "sql_parser",
        "guide",
    ),
    *(
        "cluster_names",
        "sigv4",
        "endpoint",
        "libpq",
        "deciding_variables",
        "credential_chain",
        "token",
        "connection_failure",
        "connection",
        "round_trips",
        "sql_errors",
        "transaction",
    ),
    *("connection_report", "tables", "roles", "indexes", "plans", "measurement"),
    *("settling", "costs", "accounts", "bench", "loading", "race", "probing"),
    *("trial_record", "advisor"),
    *("workshop", "aws", "cli", "__main__"),
)
"""The modules and packages of the library: each may import only those that come before it."""

LOCAL_MAY_IMPORT = {
    "endpoint",
    "errors",
    "token",
    "quotas",
    "dpu",
    "whole_file",
    "file_lock",
    "sigv4",
    "sql_parser",
}
"""What the local cluster takes from the library, which knows it only by its address."""

FACE = {"__init__", "__main__", "lifecycle", "daemon", "trust"}
"""The local cluster as others see it, which may import every room."""

PLAIN = {"apart", "environment", "faults", "sessions", "state", "log", "port"}
"""What the face writes down for the cluster's process, and another beside it. They import no
room."""

ROOMS = {
    "wire": set[str](),
    "statements": {"wire"},
    "dialect": {"statements", "wire"},
    "backend": {"dialect", "statements", "wire"},
    "explain": set[str](),
    "server": {"dialect", "statements", *PLAIN},
    "jobs": {"server"},
    "occ": {"server", "backend", "dialect", "statements", "wire", *PLAIN},
    "session": {"occ", "explain", "backend", "dialect", "statements", "wire", *PLAIN},
    "door": {"session", "occ", "server", "backend", "dialect", "wire", *PLAIN},
}
"""The rooms of the local cluster, the last in a statement's way first, and what each may import."""

KNOW_THE_SESSION = {"dsqlkit.local.daemon.cluster", "dsqlkit.local.door.login"}
"""All others get the session's parts, or what they need of them."""


@cache
def modules() -> dict[str, Path]:
    """The package's modules by name, packages under theirs."""
    found = {}
    for file in (SOURCE / PACKAGE).rglob("*.py"):
        name = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = file
    return found


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports, of others' packages too."""
    return {name: set(_imported(file)) for name, file in modules().items()}


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{file} has a relative import"
            for each in node.names:
                name = f"{node.module}.{each.name}"
                yield name if name in modules() else node.module


def own_imports() -> Iterator[tuple[str, str]]:
    """Every import of one of our modules in another, of the package itself (its version) aside."""
    for importer, names in imports().items():
        for name in sorted(names & modules().keys() - {PACKAGE}):
            yield importer, name


def part(module: str, depth: int) -> str:
    """The name at this depth: of `dsqlkit.local.occ.watch`, `local` at 1 and `occ` at 2."""
    names = module.split(".")
    return names[depth] if len(names) > depth else "__init__"


def against_the_grain() -> set[tuple[str, str]]:
    """The imports that the order does not allow."""
    return {each for each in own_imports() if not _allowed(*each)}


def _allowed(importer: str, imported: str) -> bool:
    here, there = part(importer, 1), part(imported, 1)
    if here == "local" == there:
        return _allowed_in_local(part(importer, 2), part(imported, 2))
    if here == "local":
        return there in LOCAL_MAY_IMPORT
    if there == "local":
        return here == "cli" and imported in ("dsqlkit.local", "dsqlkit.local.faults")
    return here == there or ORDER.index(there) < ORDER.index(here)


def _allowed_in_local(here: str, there: str) -> bool:
    if here in PLAIN:
        return there in PLAIN
    return here == there or here in FACE or there in ROOMS[here]


def circles() -> set[str]:
    """The modules that import themselves, by way of others."""
    below: dict[str, set[str]] = {name: set() for name in modules()}
    for importer, imported in own_imports():
        below[importer].add(imported)
    changed = True
    while changed:
        changed = False
        for reached in below.values():
            more = set().union(*(below[each] for each in reached)) - reached
            reached.update(more)
            changed = changed or bool(more)
    return {name for name, reached in below.items() if name in reached}


def test_every_module_has_its_place() -> None:
    tops = {part(name, 1) for name in modules()} - {"__init__", "local"}
    assert tops <= set(ORDER), "give it a place in ORDER: who may import it, whom may it import?"
    inside = {part(name, 2) for name in modules() if part(name, 1) == "local"}
    assert inside == FACE | PLAIN | ROOMS.keys()


def test_imports_go_with_the_grain() -> None:
    assert against_the_grain() == set()


def test_nothing_imports_itself_by_way_of_others() -> None:
    assert circles() == set()


def test_only_the_door_and_the_process_know_the_session() -> None:
    session = "dsqlkit.local.session.session"
    assert {name for name, imported in own_imports() if imported == session} == KNOW_THE_SESSION


def test_only_the_command_line_knows_typer_and_rich() -> None:
    found = {
        name
        for name, names in imports().items()
        if any(each.split(".")[0] in ("typer", "rich", "click") for each in names)
    }
    assert {part(name, 1) for name in found} == {"cli"}


def test_each_room_says_what_lives_there_and_what_it_may_import() -> None:
    for room in ROOMS:
        text = ast.get_docstring(ast.parse(modules()[f"dsqlkit.local.{room}"].read_text()))
        assert text is not None
        assert "May import" in text, room


def test_each_folder_of_tests_says_what_it_tests() -> None:
    for file in Path(__file__).parent.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(file.read_text())), file.parent


DESCRIBED = {
    "plans": "plans",
    "advisor": "advisor",
    **{each: f"local.{each}" for each in ("statements", "dialect", "explain", "session", "occ")},
}
"""The rooms whose modules the page on the architecture explains, one by one."""


def test_the_architecture_names_every_module_of_the_larger_rooms() -> None:
    text = (SOURCE / PACKAGE / "README.md").read_text(encoding="utf-8")
    for room, place in DESCRIBED.items():
        here = text.partition(f"### `{room}/`")[2].partition("\n#")[0]
        rows = re.findall(r"^\| (`.*?) \|", here, re.MULTILINE)
        prefix = f"{PACKAGE}.{place}."
        there = {name.removeprefix(prefix) for name in modules() if name.startswith(prefix)}
        named = set(re.findall(r"`(\w+)`", " ".join(rows)))
        assert named == there, f"say in src/dsqlkit/README.md what the modules of {room}/ do"


TOUCHING = {"asyncio", "os", "psycopg", "random", "socket", "subprocess", "threading", "time"}
"""What asks, sends, waits or draws."""

ASKING = {
    "plans": {"runner", "catalog_reader"},
    "advisor": {"facts_reader", "consulting", "workload_consulting", "judging", "trial"},
}
"""The modules of rooms that are pure otherwise."""


def test_what_says_that_it_is_pure_imports_nothing_that_asks_or_waits() -> None:
    pure = {
        name
        for name, file in modules().items()
        if re.search(r"\bPure\b", ast.get_docstring(ast.parse(file.read_text())) or "")
    }
    assert len(pure) > 20
    pure |= {
        name
        for name in modules()
        if part(name, 1) in ASKING and part(name, 2) not in ASKING[part(name, 1)]
    }
    found = {
        (name, imported)
        for name in pure
        for imported in imports()[name]
        if imported.split(".")[0] in TOUCHING or imported == f"{PACKAGE}.connection"
    }
    assert found == set()
