"""The command ``nearmost``: every verb parses, calls the library and prints. Results on stdout, all else on stderr.

Exit status: 0 done, 1 an error or a failed check (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from nearmost.cli import (
    analogy,
    bench,
    classify,
    convert,
    demo,
    evaluate,
    finetune,
    index,
    inspect,
    join,
    label,
    merge,
    pipeline,
    refit,
    search,
)
from nearmost.cli.faults import report, sentence
from nearmost.errors import NearmostError


def _version() -> str:
    from importlib.metadata import version

    return f"nearmost {version('nearmost')}"


app = App(
    name="nearmost",
    help="Text or vectors in, nearest neighbours out, from one memory-mapped file.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    version=_version,
    help_epilogue=(
        "Examples:\n"
        "  nearmost demo\n"
        "  nearmost index headlines.csv -o headlines.nearmost\n"
        '  nearmost search headlines.nearmost "confronting global challenges"\n'
        "  nearmost analogy glove.nearmost king woman --minus man\n"
        "  nearmost classify titles.tsv --labels occupations.csv -o predictions.tsv\n"
        "  nearmost info headlines.nearmost\n"
        "  nearmost verify headlines.nearmost\n"
    ),
)
for verb, arguments, examples in (
    (index.index, "INPUT... -o FILE [OPTIONS]", index.EXAMPLES),
    (pipeline.pipeline, "INPUT... -o PATTERN [OPTIONS] [-- BEAM-OPTIONS]", pipeline.EXAMPLES),
    (search.search, "FILE QUERY... [OPTIONS]", search.EXAMPLES),
    (analogy.analogy, "FILE KEY... [--minus KEY] [OPTIONS]", analogy.EXAMPLES),
    (
        evaluate.evaluate,
        "FILE --analogies FILE | --pairs FILE | --robustness FILE | --retrieval [OPTIONS]",
        evaluate.EXAMPLES,
    ),
    (finetune.finetune, "FILE -o FILE [OPTIONS]", finetune.EXAMPLES),
    (refit.refit, "FILE --head FILE | --project N [OPTIONS]", refit.EXAMPLES),
    (convert.convert, "IN OUT [OPTIONS]", convert.EXAMPLES),
    (classify.classify, "INPUT... --labels FILE -o FILE [OPTIONS]", classify.EXAMPLES),
    (inspect.info, "FILE [OPTIONS]", inspect.INFO_EXAMPLES),
    (inspect.verify, "FILE... [OPTIONS]", inspect.VERIFY_EXAMPLES),
    (merge.merge, "FILE... -o FILE [OPTIONS]", merge.EXAMPLES),
    (join.join, "A [B] -o FILE [OPTIONS]", join.EXAMPLES),
    (bench.bench, "VECTORS [OPTIONS]", bench.EXAMPLES),
    (demo.demo, "[QUESTION...] [OPTIONS]", demo.EXAMPLES),
):
    app.command(verb, usage=f"Usage: nearmost {verb.__name__} {arguments}", help_epilogue=examples)
app.command(label.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb with these arguments, the command line's if None, and returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no reason to stop
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "-" in given and "--" not in given:  # to Cyclopts a lone - is an option, unless it follows --
        given = [one for one in given if one != "-"] + ["--"] + ["-"] * given.count("-")
    try:
        command, bound, _ = app.parse_args(given, exit_on_error=False, print_error=False)
        status = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except CycloptsError as error:
        chain = error.command_chain or app.parse_commands(given)[0]
        report(f"{_told(error)} See {' '.join(['nearmost', *chain])} --help.")
        return 2
    except KeyboardInterrupt:
        report("interrupted")
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (NearmostError, OSError, MemoryError) as error:
        report(sentence(error))
        return 1
    return status if isinstance(status, int) else 0


def _told(error: CycloptsError) -> str:
    """What is wrong with the arguments; of files too many, what has most likely brought them."""
    tokens = list(error.unused_tokens or ()) if isinstance(error, UnusedCliTokensError) else []
    if not tokens:
        return str(error)
    said = f"there is no place for {', '.join(map(repr, tokens[:3]))}{', ...' if len(tokens) > 3 else ''}."
    files = any(os.path.exists(token) for token in tokens)
    return f"{said} To name many files as one, quote the pattern: 'x-*.nearmost'." if files else said
