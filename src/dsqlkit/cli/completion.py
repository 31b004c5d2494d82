"""`completion`: what a shell reads to complete a command line.

The script holds all that can be typed, so that a shell need not ask, and wait for, a Python.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit.cli.options import ErrorOptions
from dsqlkit.cli.streams import write
from dsqlkit.errors import UsageError

if TYPE_CHECKING:
    from typer.core import TyperGroup

_PATHS: Final = frozenset({"FILE", "DIR"})
_FILE: Final = "file"


def completion(
    options: ErrorOptions,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print a shell's completion script.

    \b
    dsqlkit completion bash > ~/.local/share/bash-completion/completions/dsqlkit
    dsqlkit completion zsh > "${fpath[1]}/_dsqlkit"
    dsqlkit completion fish > ~/.config/fish/completions/dsqlkit.fish
    """
    del options
    script = _SCRIPTS.get(shell)
    if script is None:
        raise UsageError(f"There is no completion for {shell!r}.", hint="Give bash, zsh or fish.")
    from dsqlkit.cli.main import build

    root = typer.main.get_command(build())
    write(script(list(_completed(root, ""))))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Completed:
    """What may follow after some words: `dsqlkit local` is the path `local`."""

    path: str
    commands: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    """Options, with what they mean."""
    takes: dict[str, str] = field(default_factory=dict)
    """Options that a value follows: `file`, or an empty text where nothing can be suggested."""
    words: tuple[str, ...] = ()
    """Arguments that can be named in advance."""
    files: bool = False
    """Whether an argument may be a file."""


def _completed(group: "TyperGroup", path: str) -> Iterator[Completed]:
    commands = {
        name: command.get_short_help_str(60)
        for name, command in group.commands.items()
        if not command.hidden
    }
    if not path:
        commands["help"] = "Say more about a command."
    yield Completed(path, commands, {"--help": "Show the help."})
    for name, command in group.commands.items():
        full = f"{path} {name}".strip()
        if hasattr(command, "commands"):
            yield from _completed(command, full)  # type: ignore[arg-type]
        else:
            yield _of_command(command, full)


def _of_command(command: Any, path: str) -> Completed:
    flags, takes, files = {"--help": "Show the help."}, {}, False
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            files = files or path == "psql"
            continue
        for option in [*parameter.opts, *parameter.secondary_opts]:
            if not option.startswith("--"):
                continue
            flags[option] = " ".join((parameter.help or "").split())
            if not parameter.is_flag:
                takes[option] = _FILE if parameter.metavar in _PATHS else ""
    return Completed(
        path,
        flags=flags,
        takes=takes,
        words=_WORDS.get(path, tuple)(),
        files=files,
    )


def _query_names() -> tuple[str, ...]:
    from dsqlkit import queries

    return tuple(queries.names())


_WORDS: Final[dict[str, Callable[[], tuple[str, ...]]]] = {
    "explain": _query_names,
    "optimize": _query_names,
    "completion": lambda: ("bash", "zsh", "fish"),
    "workshop": lambda: ("1", "2", "3", "4", "5", "6", "7"),
    "invoke": lambda: ("1", "3", "4", "5", "6", "7"),
}


def _bash(found: list[Completed]) -> str:
    cases = []
    for each in found:
        words = " ".join([*each.commands, *each.words])
        filed = " ".join(name for name, kind in each.takes.items() if kind == _FILE)
        valued = " ".join(name for name, kind in each.takes.items() if kind != _FILE)
        cases.append(
            f"    '{each.path}') words='{words}'; flags='{' '.join(each.flags)}';"
            f" filed=' {filed} '; valued=' {valued} '; files={int(each.files)} ;;"
        )
    groups = "|".join(each.path for each in found if each.commands and each.path)
    return _BASH.replace("@CASES@", "\n".join(cases)).replace("@GROUPS@", groups)


def _zsh(found: list[Completed]) -> str:
    cases = []
    for each in found:
        words = {**each.commands, **dict.fromkeys(each.words, "")}
        filed = " ".join(name for name, kind in each.takes.items() if kind == _FILE)
        valued = " ".join(name for name, kind in each.takes.items() if kind != _FILE)
        cases.append(
            f"    {_quoted(each.path)}) words_=({_described(words)}); "
            f"flags=({_described(each.flags)}); filed=' {filed} '; valued=' {valued} '; "
            f"files={int(each.files)} ;;"
        )
    groups = "|".join(each.path for each in found if each.commands and each.path)
    return _ZSH.replace("@CASES@", "\n".join(cases)).replace("@GROUPS@", groups)


def _described(words: dict[str, str]) -> str:
    return " ".join(
        _quoted(f"{word.replace(':', chr(92) + ':')}:{about}" if about else word)
        for word, about in words.items()
    )


def _fish(found: list[Completed]) -> str:
    groups = " ".join(each.path for each in found if each.commands and each.path)
    lines = [_FISH.replace("@GROUPS@", groups)]
    for each in found:
        here = f"-n {_quoted(f'__dsqlkit_is {_quoted(each.path)}')}"
        for word, about in {**each.commands, **dict.fromkeys(each.words, "")}.items():
            lines.append(f"complete -c dsqlkit {here} -a {word} -d {_quoted(about)}")
        if each.files:
            lines.append(f"complete -c dsqlkit {here} -F")
        for flag, about in each.flags.items():
            value = {None: "", "": " -x", _FILE: " -r -F"}[each.takes.get(flag)]
            lines.append(f"complete -c dsqlkit {here} -l {flag[2:]}{value} -d {_quoted(about)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_SCRIPTS: Final[dict[str, Callable[[list[Completed]], str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}

_BASH: Final = """\
# bash completion of dsqlkit
_dsqlkit() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local path='' words='' flags='' filed='' valued='' files=0 i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -* ]] && break
    [[ $word == help ]] && continue
    if [[ -z $path ]]; then path=$word; else path="$path $word"; break; fi
    case $path in @GROUPS@) ;; *) break ;; esac
  done
  case $path in
@CASES@
    *) return ;;
  esac
  COMPREPLY=()
  if [[ $valued == *" $before "* ]]; then return; fi
  if [[ $filed == *" $before "* ]]; then
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return
  fi
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current")); return; fi
  if ((files)); then
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _dsqlkit dsqlkit"""

_ZSH: Final = """\
#compdef dsqlkit
_dsqlkit() {
  local current=${words[CURRENT]} before=${words[CURRENT-1]}
  local path_='' filed='' valued='' files=0 i word
  local -a words_ flags
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    [[ $word == -* ]] && break
    [[ $word == help ]] && continue
    if [[ -z $path_ ]]; then path_=$word; else path_="$path_ $word"; break; fi
    case $path_ in (@GROUPS@) ;; (*) break ;; esac
  done
  case $path_ in
@CASES@
    *) return ;;
  esac
  if [[ $valued == *" $before "* ]]; then return; fi
  if [[ $filed == *" $before "* ]]; then _files; return; fi
  if [[ $current == -* ]]; then _describe -o option flags; return; fi
  if ((files)); then _files; return; fi
  _describe command words_
}
if [[ $funcstack[1] == _dsqlkit ]]; then _dsqlkit "$@"; else compdef _dsqlkit dsqlkit; fi"""

_FISH: Final = """\
# fish completion of dsqlkit
function __dsqlkit_is
    set -l typed (commandline -opc)
    set -l path
    for word in $typed[2..-1]
        string match -q -- '-*' $word; and break
        test $word = help; and continue
        set -a path $word
        contains -- $path[1] @GROUPS@; or break
        test (count $path) -ge 2; and break
    end
    test "$path" = "$argv[1]"
end
complete -c dsqlkit -f"""
