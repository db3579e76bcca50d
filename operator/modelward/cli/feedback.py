"""`modelward feedback`: sends the labels of a CSV file, as a nightly job does."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.console import Console

from modelward.cli.failure import CommandError

if TYPE_CHECKING:
    from modelward.client import Item, Result

_COLUMNS: Final = frozenset({"receipt", "label", "prediction", "good"})
_TRUTHS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "": None}
_LISTS: Final = "["
_REFUSALS_SHOWN: Final = 10


def feedback(
    *,
    url: Annotated[str, typer.Option(help="The deployment's Service, such as http://electricity.")],
    csv_file: Annotated[
        Path,
        typer.Option(
            "--csv", help="File with the columns receipt and label, or good; prediction where wanted."
        ),
    ],
    refused: Annotated[
        Path | None, typer.Option(help="CSV file to write of the refused ones: row, receipt, why.")
    ] = None,
) -> None:
    """Send labels for earlier predictions, each with its answer's receipt; exit code 1 if any is refused.

    Several labels or predictions of one answer are a JSON list: [1, 0].
    """
    try:
        from modelward.client import FeedbackClient, FeedbackError  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise CommandError(f"feedback needs {error.name}; install modelward[client]") from error
    counts: Counter[str] = Counter()
    console = Console(stderr=True)
    with ExitStack() as open_files:
        client = open_files.enter_context(FeedbackClient(url))
        try:
            writer = csv.writer(open_files.enter_context(refused.open("w", newline=""))) if refused else None
            if writer:
                writer.writerow(("row", "receipt", "result", "message"))
            items, sent = tee(_items(csv_file))
            rows = enumerate(sent, start=1)
            for result in client.send(items):
                # Before an error, some rows of the last batch have no result.
                row = next(row for row, item in rows if item is result.item)
                counts[result.result] += 1
                if not result.accepted:
                    _tell(console, row, result, shown=counts.total() - counts["accepted"])
                    if writer:
                        writer.writerow((row, result.item.receipt, result.result, result.message))
        except (FeedbackError, CommandError) as error:
            raise CommandError(f"{error}; {_summary(counts)} before that") from error
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{csv_file}: {error}; {_summary(counts)} before that") from error
    console.print(_summary(counts), highlight=False)
    if counts.total() > counts["accepted"]:
        raise typer.Exit(1)


def _items(path: Path) -> "Iterator[Item]":
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin theirs with a mark
        rows = csv.DictReader(file)
        names = rows.fieldnames or ()
        found = set(names)
        is_known = found <= _COLUMNS and len(found) == len(names)
        if not is_known or "receipt" not in found or not found & {"label", "good"}:
            raise CommandError(
                f"{path} has the columns {', '.join(names) or 'none'}; "
                "write receipt, and label or good, and prediction where the receipts hold none"
            )
        for row in rows:
            yield _item(path, rows.line_num, row)


def _item(path: Path, line: int, row: Mapping[str, Any]) -> "Item":
    from modelward.client import Item  # noqa: PLC0415 - as above

    if None in row or None in row.values():
        raise CommandError(f"{path}, line {line}: it has another number of columns than the header")
    good = row.get("good", "").strip().lower()
    if good not in _TRUTHS:
        raise CommandError(f"{path}, line {line}: good is {row['good']!r}; write true, false or nothing")
    return Item(
        receipt=row["receipt"].strip(),
        label=_value(path, line, row.get("label", "")),
        prediction=_value(path, line, row.get("prediction", "")),
        good=_TRUTHS[good],
    )


def _value(path: Path, line: int, text: str) -> Any:  # noqa: ANN401 - JSON
    """Return a list that is written as JSON, else the text itself: as a label "1" agrees with 1."""
    if not text.strip():
        return None
    if not text.lstrip().startswith(_LISTS):
        return text.strip()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{path}, line {line}: {text[:80]!r} is no JSON list ({error})") from error


def _tell(console: Console, row: int, result: "Result", *, shown: int) -> None:
    if shown <= _REFUSALS_SHOWN:
        console.print(f"row {row}: {result.result}: {result.message}", highlight=False, markup=False)
    elif shown == _REFUSALS_SHOWN + 1:
        console.print("... and more; --refused FILE has all of them", highlight=False)


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "no labels sent"
