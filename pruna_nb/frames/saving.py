"""Outputs saved as files of one's own, and a folder of saved outputs read back as a frame."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pruna_nb import arguments
from pruna_nb.arguments import Problems
from pruna_nb.catalog import find_model, lookup_model
from pruna_nb.console import LOG, say
from pruna_nb.errors import InputError, StorageError, UnknownModelError
from pruna_nb.files import strict_json
from pruna_nb.files.buckets import Bucket, is_storage_address
from pruna_nb.files.disk import open_regular, replacing
from pruna_nb.files.export import BucketExporter, Exporter, read_format, record_of, safe_name
from pruna_nb.files.provenance import SUFFIXES, read_provenance
from pruna_nb.frames.call import Call
from pruna_nb.frames.call_attrs import ATTRS, attrs_of
from pruna_nb.frames.chains import TAKEN_OUT, is_output, is_removed
from pruna_nb.frames.columns import column, places_of, plain_label, with_columns
from pruna_nb.frames.grids import requests_of
from pruna_nb.frames.history import MediaFolder, with_paths
from pruna_nb.frames.records import ids_of_outputs, records_of
from pruna_nb.frames.results import beside, secret_columns
from pruna_nb.redact import MASK, redact_values
from pruna_nb.settings import current
from pruna_nb.tables.cells import frame_of_records, plain_cells
from pruna_nb.templates import is_missing, name_of, parse, value_text, written
from pruna_nb.text import counted, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

Layout = Literal["plain", "imagefolder"]
METADATA: Final = "metadata.jsonl"
"""The file in which Hugging Face's ``imagefolder`` looks for what belongs to each picture."""

_PROMPT_AT_MOST: Final = 60
_METADATA_BYTES_AT_MOST: Final = 2**31
_OUTPUT_SUFFIXES: Final = SUFFIXES | {".jpeg", ".webm", ".gif"}


def save_frame(
    frame: pd.DataFrame,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    format: str | None = None,  # noqa: A002 - the word of Pillow and matplotlib
    layout: Layout = "plain",
    provenance: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    output_col: str = "output",
) -> pd.DataFrame:
    """Save a frame's outputs; see `PrunaFrame.save`."""
    problems = Problems()
    root: Path | Bucket = Path()
    with problems.noted():
        root = _target(folder, storage_options)
    suffix = problems.read(read_format, format, instead=None)
    layout = problems.read(arguments.choice, "layout", layout, get_args(Layout), instead="plain")
    carry = problems.read(arguments.switch, "provenance", provenance, instead=True)
    if name is not None:
        problems.read(arguments.text, "name", name, instead="")
    paths: list[Path | None] = []
    names: list[str] = []
    requests: list[dict[str, Any]] = []
    with problems.noted():
        paths = [
            Path(cell) if isinstance(cell, (str, os.PathLike)) and os.fspath(cell) else None
            for cell in column(frame, output_col, "save()")
        ]
        requests = _requests(frame, output_col)
        names = _file_names(frame, name if isinstance(name, str) else None, requests)
    if isinstance(root, Path) and root.exists() and not root.is_dir():
        problems.add(InputError(f"folder={str(folder)!r} is a file, not a folder."))
    if layout == "imagefolder" and not problems:
        with problems.noted():
            _read_metadata(root)
    problems.check("These outputs cannot be saved; nothing was written")

    files: list[str | None] = [None] * len(frame)
    with _exporting(root, suffix) as exporter:
        for place, (path, file_name) in enumerate(zip(paths, names, strict=True)):
            if path is None:
                continue
            try:
                # A disk that is full ends the call, an output that is gone does not.
                open_regular(path).close()
                record = record_of(path, requests[place]) if carry else None
            except (OSError, ValueError) as error:  # ValueError: a path with a null character
                LOG.warning("%s was not saved: %s", path, error)
                continue
            try:
                files[place] = exporter.export(path, file_name, record)
            except InputError as error:
                LOG.warning("%s was not saved: %s", path, error)
    if layout == "imagefolder":
        _write_metadata(root, frame, output_col, files, requests)
    say(_summary(frame, root, output_col, paths, files))
    return with_columns(frame, {"file": files})


def _target(folder: object, storage_options: object) -> Path | Bucket:
    """Return the folder of this machine, or at an address, to which outputs are saved."""
    if storage_options is not None and not isinstance(storage_options, Mapping):
        kind = type(storage_options).__name__  # not shown: it may hold a secret
        raise InputError(f"storage_options must be a dict of fsspec's options, not {kind}.")
    if isinstance(folder, os.PathLike) and arguments.ADDRESS.match(os.fspath(folder)):
        raise InputError("folder is an address in a Path, which drops a slash: give it as a text.")
    if is_storage_address(folder):
        bucket = Bucket("folder", str(folder), storage_options)
        bucket.open()
        return bucket
    if storage_options:
        raise InputError(
            "storage_options are for a folder at an address, such as 's3://bucket/folder'; "
            f"folder={str(folder)!r} is one of this machine."
        )
    return arguments.path("folder", folder)


@contextlib.contextmanager
def _exporting(root: Path | Bucket, suffix: str | None) -> Iterator[Exporter | BucketExporter]:
    """Yield what writes the files; a folder at an address is tried first."""
    if isinstance(root, Path):
        yield Exporter(root, suffix)
        return
    root.check()
    try:
        with BucketExporter(root, suffix) as exporter:
            yield exporter
    except StorageError as error:
        error.add_note(
            "What was written before is there whole, and nothing is there half. Save again: equal "
            "files are left as they are."
        )
        raise


def save_series(
    outputs: pd.Series[Any], folder: str | os.PathLike[str], **how: Any
) -> pd.DataFrame:
    """Save a Series of outputs; see `PrunaSeries.save`. Their requests are found by their files."""
    label: Any = "output" if outputs.name is None else outputs.name
    frame, beside_it = outputs.to_frame(label), beside(label, "prediction_id")
    cells = plain_cells(outputs)
    told = with_columns(frame, {beside_it: ids_of_outputs(cells)})
    return with_columns(frame, {"file": save_frame(told, folder, **how, output_col=label)["file"]})


def read_outputs(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a folder of saved outputs back as a frame.

    Parameters
    ----------
    folder : path
        What `df.pruna.save` wrote, in either layout; pictures of other programs are read, too.

    Returns
    -------
    DataFrame
        A row for each picture and video in the folder and below it, by name: ``output`` (the
        path), what a ``metadata.jsonl`` tells of it, and what the file itself carries: ``model``,
        a column for each field of its input, ``prediction_id`` and ``created_at``. Where both
        tell, the file's own record counts. The frame knows how its rows were made, so that
        ``pruna_nb.rerun(frame.pruna.record())`` makes them again. A picture with the text of
        AUTOMATIC1111's web UI gives ``prompt``, ``negative_prompt`` and ``seed``.

    Raises
    ------
    InputError
        If it is not a folder, or its ``metadata.jsonl`` is damaged.

    Examples
    --------
    >>> import pandas as pd
    >>> import pruna_nb
    >>> out = pd.DataFrame({"prompt": ["a lion"]}).pruna.generate("prompt", progress=False)
    >>> saved = out.pruna.save("lions", name="{prompt}")
    Saved 1 file in lions.
    >>> pruna_nb.read_outputs("lions")[["model", "prompt"]].values.tolist()
    [['p-image', 'a lion']]
    """
    root = arguments.path("folder", folder)
    if not root.is_dir():
        raise InputError(f"folder={str(folder)!r} is not a folder.")
    told, media = _read_metadata(root), MediaFolder(current().media_dir)
    rows, asked = [], []
    for file in sorted(root.rglob("*")):
        if file.suffix.lower() not in _OUTPUT_SUFFIXES or not file.is_file():
            continue
        row: dict[str, Any] = {"output": None, **told.get(file.relative_to(root).as_posix(), {})}
        record = None
        try:
            record = read_provenance(file)
        except InputError as error:
            LOG.warning("%s", error)
        if record is not None and "input" in record:
            given = {name: with_paths(value, media) for name, value in record["input"].items()}
            asked.append((str(record.get("model")), tuple(given)))
            row |= {"model": record.get("model"), **given}
            ids = {name: record.get(name) for name in ("prediction_id", "created_at")}
            row |= {name: value for name, value in ids.items() if value is not None}
        elif record is not None:  # of AUTOMATIC1111's web UI
            row |= {name: record[name] for name in ("prompt", "negative_prompt")}
            if "Seed" in record["settings"]:
                row["seed"] = record["settings"]["Seed"]
        # Last: neither a metadata.jsonl nor a record, which may be a stranger's, chooses the file.
        rows.append({**row, "output": str(file)})
    frame = frame_of_records(rows, None if rows else ["output"])
    with contextlib.suppress(UnknownModelError):  # a record may be a stranger's
        if asked:
            frame.attrs[ATTRS] = {"output": attrs_of(_call_of_records(asked))}
    return frame


def _call_of_records(asked: Sequence[tuple[str, tuple[str, ...]]]) -> Call:
    """Return the call that makes again what files tell of: each its model and its fields' names."""
    models = [lookup_model(name) for name in dict.fromkeys(name for name, _ in asked)]
    known = {model.name: model.fields for model in models}
    # A field that the catalogue does not know was sent with unchecked=True, and is so again.
    unchecked = any(field not in known[name] for name, fields in asked for field in fields)
    models = [replace(model, unchecked=unchecked) for model in models]
    columns = {field: field for _, fields in asked for field in fields}
    several = tuple(models) if len(models) > 1 else ()
    return Call(models[0], columns=columns, models=several, model_col="model" if several else None)


def _file_names(
    frame: pd.DataFrame, template: str | None, requests: list[dict[str, Any]]
) -> list[str]:
    """Return each row's file name, with "/" between folders, without a suffix."""
    digits = len(str(len(frame)))
    rows: list[dict[str, Any]] = [
        {"row": f"{number:0{digits}}", "model": request["model"], **request["input"]}
        for number, request in enumerate(requests, start=1)
    ]
    # What the table says counts before what was sent: a column may hold a nicer word for it.
    columns = [
        (label, frame.index.get_level_values(level).to_series())
        for level, label in enumerate(frame.index.names)
        if label is not None
    ] + [(label, frame.iloc[:, place]) for place, label in enumerate(frame.columns)]
    for label, cells in columns:
        for row, cell in zip(rows, plain_cells(cells), strict=True):
            row[name_of(label)] = cell
    if template is None:
        prompts = [row.get("prompt") for row in rows]
        words = [" ".join(text.split()) if isinstance(text, str) else "" for text in prompts]
        short = [cut(text, _PROMPT_AT_MOST).rstrip("\u2026") for text in words]
        return [
            safe_name(f"{row['row']} {text}".replace(" ", "-") if text else str(row["row"]))
            for row, text in zip(rows, short, strict=True)
        ]
    known = dict.fromkeys(name for row in rows for name in row)
    read = parse(template, known)
    if unknown := [name for name in read.names if name not in known]:
        raise InputError(
            f"name={template!r} asks for {', '.join(map(repr, unknown))}, which no row has. "
            f"Available are: {', '.join([*known][:40])}."
        )
    return [_filled(template, read.parts, row) for row in rows]


def _filled(template: str, parts: Sequence[Any], row: Mapping[str, Any]) -> str:
    """Fill one row's name: a slash of the template begins a folder, one in a value does not."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        value = row.get(part.name)
        shown = "none" if is_missing(value) else written(part, value)
        text += shown.replace("/", "_").replace("\\", "_")
    levels = [level.strip() for level in text.split("/")]
    if any(not level.strip(".") for level in levels):
        raise InputError(f"name={template!r} makes {text!r}: give a name below the folder.")
    return "/".join(safe_name(level) for level in levels)


def _requests(frame: pd.DataFrame, output_col: str) -> list[dict[str, Any]]:
    """Return each row's model, input without secrets, and id: as recorded, else as it is told."""
    ids: list[Any] = [None] * len(frame)
    id_label = beside(output_col, "prediction_id")
    if len(places_of(frame, id_label)) == 1:
        ids = column(frame, id_label, "save()")
    requests = []
    for told, record, prediction_id in zip(
        requests_of(frame, output_col), records_of(frame, output_col), ids, strict=True
    ):
        name, values = told["model"], told["input"]
        if record is not None:
            name, values = record.model, record.input
        fields = find_model(name, unchecked=True).fields if name else {}
        # What was recorded has files by their SHA-256; what the frame says, by their paths here.
        hidden = {
            field.name
            for field in fields.values()
            if field.secret or (field.media and record is None)
        }
        values = {key: _as_json(value) for key, value in values.items() if key not in hidden}
        values = {
            key: value for key, value in redact_values(values).items() if value not in (None, MASK)
        }
        requests.append({"model": name, "input": values, "prediction_id": _as_json(prediction_id)})
    return requests


def _as_json(value: Any) -> Any:
    """Return a value as JSON holds it, dates as text; None for bytes, pictures and arrays."""
    try:
        return json.loads(json.dumps(value, default=value_text, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None


def _read_metadata(root: Path | Bucket) -> dict[str, dict[str, Any]]:
    """Return the lines of a folder's ``metadata.jsonl``, by the file that each tells of."""
    path = f"{root / METADATA if isinstance(root, Path) else root.at(METADATA)}"
    try:
        if isinstance(root, Path):
            content = Path(path).read_bytes() if Path(path).is_file() else b""
        else:
            content = root.read(METADATA, _METADATA_BYTES_AT_MOST)
    except FileNotFoundError:
        return {}
    rows: dict[str, dict[str, Any]] = {}
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not valid UTF-8: {error}") from None
    # Not splitlines(), which ends a line at signs that JSON allows within a text, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = strict_json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            raise InputError(f"{path}, line {number}: there is no file_name.")
        rows[row.pop("file_name")] = row
    return rows


def _write_metadata(
    root: Path | Bucket,
    frame: pd.DataFrame,
    output_col: str,
    files: Sequence[str | None],
    requests: Sequence[Mapping[str, Any]],
) -> None:
    """Write a line for each file; lines of files that were there before stay."""
    lines = _read_metadata(root)
    labels = [plain_label(label) for label in frame.columns]
    steps = [output_col, *(label for label in labels if is_output(frame, label))]
    # Paths of this machine are nothing to a reader of the dataset.
    left_out = (
        {"file", "file_name"}
        | secret_columns(frame)
        | {beside(step, name) for step in steps for name in ("output", "status", "error", "cached")}
    )
    # By position: labels may be there twice, or have several levels.
    columns = [
        (name_of(label), plain_cells(frame.iloc[:, position]))
        for position, label in enumerate(labels)
        if label not in left_out
    ]
    for place, (file, request) in enumerate(zip(files, requests, strict=True)):
        if file is None:
            continue
        row = {name: redact_values(_as_json(cells[place])) for name, cells in columns}
        row = {"model": request["model"], **request["input"], **row}
        lines[_name_below(root, file)] = row
    text = "".join(json.dumps({"file_name": name, **row}) + "\n" for name, row in lines.items())
    if not isinstance(root, Path):
        root.put_bytes(METADATA, text.encode())
        return
    root.mkdir(parents=True, exist_ok=True)
    with replacing(root / METADATA) as metadata:
        metadata.write(text.encode())


def _name_below(root: Path | Bucket, file: str) -> str:
    if isinstance(root, Path):
        return Path(file).relative_to(root).as_posix()
    return file.removeprefix(root.at(""))


def _summary(
    frame: pd.DataFrame,
    root: Path | Bucket,
    output_col: str,
    paths: Sequence[Path | None],
    files: Sequence[str | None],
) -> str:
    where = root if isinstance(root, Path) else root.address
    text = f"Saved {counted(sum(file is not None for file in files), 'file')} in {where}."
    empty = [path is None for path in paths]
    if any(empty):
        status = beside(output_col, "status")
        words = column(frame, status, "save()") if len(places_of(frame, status)) == 1 else []
        counts = Counter(
            TAKEN_OUT if is_removed(word, path) else word
            for word, path in zip(words, paths, strict=False)
            if path is None and word is not None
        )
        why = ", ".join(f"{number:,} {word}" for word, number in counts.most_common())
        text += f" {counted(sum(empty), 'row')} without an output{f' ({why})' if why else ''}."
    if lost := sum(file is None for file in files) - sum(empty):
        text += f" {counted(lost, 'output')} could not be read: see the log's warnings."
    return text
