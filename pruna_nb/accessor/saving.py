"""Files from outputs: a folder under names of one's own, and the trainers' archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from pruna_nb.accessor.base import FrameVerbs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from pruna_nb.frames.saving import Layout


class SaveVerbs(FrameVerbs):
    """The verbs that write files."""

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of Pillow and matplotlib
        layout: Layout = "plain",
        provenance: bool = True,
        storage_options: Mapping[str, Any] | None = None,
        output_col: str = "output",
    ) -> pd.DataFrame:
        """Save the outputs as files of your own, named by the row.

        Parameters
        ----------
        folder : path or str
            Created where it is missing. Also an address that fsspec takes, such as
            ``"s3://bucket/folder"`` or ``"gs://bucket/folder"`` (the extra "storage", and s3fs or
            gcsfs): a file is there whole or not at all.
        name : str, optional
            A template over the row's columns, index levels and the fields that were sent, such as
            ``"{sku}-{aspect_ratio}-{seed}"``; ``{row}`` is the row's number and begins
            at 1; a value that a row lacks is written "none". A slash begins a folder:
            ``"{category}/{sku}"``. Default: the row's number and the prompt's first words. What
            a file name cannot hold becomes "_"; a name that is taken gets a number.
        format : {"png", "jpg", "webp"}, optional
            What pictures are converted to; None: as they are. Videos stay as they are.
        layout : {"plain", "imagefolder"}
            "imagefolder" writes a ``metadata.jsonl`` with the frame's columns beside the files, as
            Hugging Face's ``datasets.load_dataset("imagefolder", data_dir=...)`` reads it.
        provenance : bool
            Whether each file carries its request: model, input without secrets, prediction id,
            time, version. Pixels and frames stay the same; `pruna_nb.provenance` reads it back.
            Without it, files that need no conversion are hard links where the disk allows them.
        storage_options : mapping, optional
            What fsspec takes for an address, such as ``{"profile": "work"}``; never shown.
        output_col : str
            The column of outputs.

        Returns
        -------
        DataFrame
            A new frame with the column "file": the path of each row's file, None where there is
            no output. The same call again finds its files and writes no second copy; a file of
            another content is never overwritten.

        Raises
        ------
        InputError, ColumnError, SettingsError
            If an argument is wrong; nothing is written then.
        MissingExtraError
            If what an address needs is not installed; nothing is written then.
        OSError
            If the folder cannot be written.
        StorageError
            If the folder at an address cannot be written; what is there already stays.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a lion", "a fox"], "sku": ["L-1", "F/2"]})
        >>> out = df.pruna.generate("prompt", aspect_ratio="1:1", progress=False)
        >>> saved = out.pruna.save("shop", name="{sku}-{aspect_ratio}")
        Saved 2 files in shop.
        >>> [file[5:] for file in saved["file"]]
        ['L-1-1_1.jpg', 'F_2-1_1.jpg']
        """
        from pruna_nb.frames.saving import save_frame

        return save_frame(
            self._frame,
            folder,
            name=name,
            format=format,
            layout=layout,
            provenance=provenance,
            storage_options=storage_options,
            output_col=output_col,
        )

    @overload
    def record(self, path: None = None) -> dict[str, Any]: ...

    @overload
    def record(self, path: str | os.PathLike[str]) -> Path: ...

    def record(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any] | Path:
        """Return what was run and what it came to, as JSON has it; or write it to a file.

        `pruna_nb.rerun` (``%pruna rerun run.json``) makes the same again from it.

        Parameters
        ----------
        path : path, optional
            The file, such as "run.json"; one that is there is replaced.

        Returns
        -------
        dict or Path
            A dict, or the file's path. It has ``started_at`` and ``ended_at`` (UTC), ``versions``,
            ``rows``, ``counts`` (of the last step), ``cost_usd`` (of all), the ``table`` of cells
            that the calls read, and ``steps``, each with its ``call`` (model, fields, template,
            columns), times, versions, ``settings`` (no key), counts, cost and ``results``. A file
            is in it by its path; pictures in memory and secrets are not.

        Raises
        ------
        InputError, ColumnError
            If the frame does not know how it was made, as after CSV, or lacks what was read.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> out = pd.DataFrame({"prompt": ["a wren"]}).pruna.generate("prompt", progress=False)
        >>> record = out.pruna.record()
        >>> record["steps"][0]["call"]["model"], record["steps"][0]["counts"]["succeeded"]
        ('p-image', 1)
        >>> out.pruna.record("run.json").name
        'run.json'
        """
        from pruna_nb.frames.run_record import run_record, save_record

        return run_record(self._frame) if path is None else save_record(self._frame, path)

    def to_zip(
        self,
        path: str | Path,
        image_col: str = "output",
        *,
        caption_col: str | None = None,
        start_col: str | list[str] | None = None,
    ) -> Path:
        """Write images and captions into a zip archive for the trainers.

        Parameters
        ----------
        path : path
            The archive; an existing file is replaced.
        image_col : str
            The column of images, by default "output": paths, bytes, PIL images, numpy arrays
            or data URIs. Rows without one are skipped.
        caption_col : str, optional
            The column of captions. Without them the trainer needs ``default_caption=``.
        start_col : str or list of str, optional
            For p-image-edit-trainer: the column (or columns) of images before the edit;
            `image_col` holds those after it.

        Returns
        -------
        Path
            The archive: ``0001.jpg`` and ``0001.txt``, or ``0001_start.jpg``, ``0001_end.jpg``
            and ``0001.txt``. Equal images and captions give equal bytes.

        Raises
        ------
        InputError
            If a row's image cannot be read; all of them, by label.
        TooLargeError
            If it would be larger than the 100 MB that the service accepts.

        Examples
        --------
        >>> import pandas as pd
        >>> import pruna_nb
        >>> df = pd.DataFrame({"prompt": ["a tok lighthouse", "a tok fox"]})
        >>> out = df.pruna.generate("prompt", progress=False)
        >>> out.pruna.to_zip("photos.zip", caption_col="prompt").name
        'photos.zip'
        """
        from pruna_nb.frames.training import write_training_zip

        return write_training_zip(
            self._frame, path, image_col=image_col, caption_col=caption_col, start_col=start_col
        )
