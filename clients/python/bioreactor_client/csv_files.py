"""`write_data_to_csv`: one row appended to a run's CSV file, in one of two forms.

legacy  the form of the original client, byte for byte: CRLF, local time without a zone, lists as Python
        prints them, an empty field for what is missing.
strict  UTC with `Z` and milliseconds, `elapsed_s`, lists as JSON, LF, a schema beside the file.

In both, the first row fixes the columns. A later row with a key the file has no column for keeps that
value in `<name>.extra.jsonl`, and a row without one of them leaves the field empty, so that no row is
ever shifted under another's header. Each row is written at once and whole, or not at all; a half-written
last line (a power cut, a full disk) is set aside in `<name>.partial.txt` before anything is appended.
"""

import csv
import datetime
import io
import json
import os
import re
import threading
import time

from . import scaled_time
from .columns import COLUMNS
from .experiment import output_dir as folder_of
from .transport import say

FORMS = ("legacy", "strict")
# Rows reach the system at once; they are forced to the disk this often, to spare an SD card.
FSYNC_EVERY_S = 10.0

_lock = threading.RLock()
_files = {}


def write_data_to_csv(data, filename="experiment_data.csv", output_dir=None, form=None):
    """Appends `data`, a dict such as `measure_all_data` gives, as one row.

    `form`  "legacy" or "strict"; without it the environment's CSV_FORM, else legacy.

    Raises OSError when the row could not be written; the rows before it are whole.
    """
    form = form or os.environ.get("CSV_FORM") or "legacy"
    if form not in FORMS:
        raise ValueError('Cannot write the CSV form "%s": known are %s' % (form, ", ".join(FORMS)))
    if not isinstance(data, dict) or not data:
        raise TypeError("A row is a dict with at least one key, not %r" % (data,))
    path = os.path.abspath(os.path.join(folder_of(output_dir), filename))
    with _lock:
        file = _files.get(path)
        if file is None or file.form != form:
            file = _files[path] = CsvFile(path, form)
        file.append(data)


class CsvFile:
    """One CSV file that rows are appended to."""

    def __init__(self, path, form):
        self.path = path
        self.form = form
        stem, _ = os.path.splitext(path)
        self.extra_path = stem + ".extra.jsonl"
        self.partial_path = stem + ".partial.txt"
        self.schema_path = stem + ".schema.json"
        self.columns = None
        self._size = None  # as we left it; another size means that somebody else wrote
        self._synced_at = None
        self._extra_told = set()
        self._clock_zero = None  # monotonic time at which elapsed_s was 0

    def append(self, data):
        row = dict(data)
        if self.form == "strict":
            row = self._stamp(row, getattr(data, "at", None), getattr(data, "monotonic_s", None))
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size != self._size:
                size = self._take_up(descriptor, size)
            new = size == 0
            text = ""
            if new:
                self.columns = self._order(row)
                text = self._line(self.columns)
            if self.form == "strict" and "elapsed_s" in self.columns:
                self._set_elapsed(row, getattr(data, "monotonic_s", None), new)
            extra = {key: value for key, value in row.items() if key not in self.columns}
            text += self._line([self._field(name, row.get(name)) for name in self.columns])
            # The side file first: should the row fail, a value kept twice harms nobody.
            if extra:
                self._keep_extra(extra, row)
            if new and self.form == "strict":
                self._write_schema(row)
            self._write(descriptor, text.encode("utf-8"), size)
            now = scaled_time.real_monotonic()
            if self._synced_at is None or now - self._synced_at >= FSYNC_EVERY_S:
                os.fsync(descriptor)
                self._synced_at = now
        finally:
            os.close(descriptor)

    def _write(self, descriptor, data, size):
        """All of `data` at the end, or the file as it was."""
        written = 0
        try:
            while written < len(data):
                written += os.write(descriptor, data[written:])
        except OSError:
            self._size = None
            if written:
                try:
                    os.ftruncate(descriptor, size)
                except OSError:
                    pass  # the next append sets the half line aside
            raise
        self._size = size + len(data)

    # ------------------------------------------------------------------- a file that exists already

    def _take_up(self, descriptor, size):
        """Repairs the end of the file, learns its columns; its size then."""
        if size:
            size = self._repair(descriptor, size)
        if size == 0:
            self.columns = None
            return 0
        with open(self.path, "r", encoding="utf-8", errors="replace", newline="") as file:
            if file.readline().endswith("\r\n") != (self.form == "legacy"):
                raise ValueError(
                    'Cannot append %s rows to "%s": it is written in the other form'
                    % (self.form, os.path.basename(self.path)))
            file.seek(0)
            reader = csv.reader(file)
            self.columns = next(reader, [])
            first = next(reader, None)
        if self.form == "strict":
            self._resume_clock(first)
        self._size = size
        return size

    def _repair(self, descriptor, size):
        """Sets a half-written last line aside; the size without it."""
        with open(self.path, "rb") as file:
            end, tail = size, b""
            while end > 0:
                start = max(0, end - 65536)
                file.seek(start)
                block = file.read(end - start)
                cut = block.rfind(b"\n")
                if cut >= 0:
                    tail = block[cut + 1:] + tail
                    break
                tail = block + tail
                end = start
        if not tail:
            return size
        if tail.rstrip(b"\0").endswith(b"\r") and self.form == "legacy" and b"\0" not in tail:
            # Only the last byte is missing: the row is whole.
            os.write(descriptor, b"\n")
            return size + 1
        kept = tail.rstrip(b"\0")  # blocks that a power cut left unwritten
        if kept:
            with open(self.partial_path, "ab") as file:
                file.write(kept + b"\n")
        os.ftruncate(descriptor, size - len(tail))
        say('"%s" ended in half a line (%d bytes); it was set aside in "%s"' % (
            os.path.basename(self.path), len(tail), os.path.basename(self.partial_path)))
        return size - len(tail)

    # -------------------------------------------------------------------------------------- columns

    def _order(self, row):
        if self.form == "legacy":
            return list(row)
        declared = [name for name in COLUMNS if name in row]
        return declared + [name for name in row if name not in COLUMNS]

    def _keep_extra(self, extra, row):
        new = [name for name in extra if name not in self._extra_told]
        if new:
            self._extra_told.update(new)
            say('"%s" has no column for %s: kept in "%s"' % (
                os.path.basename(self.path),
                ", ".join('"%s"' % name for name in new),
                os.path.basename(self.extra_path)))
        line = {"timestamp": row.get("timestamp") or _utc(scaled_now())}
        line.update(extra)
        with open(self.extra_path, "a", encoding="utf-8", newline="") as file:
            file.write(json.dumps(_clean(line), ensure_ascii=False, default=str) + "\n")

    def _write_schema(self, row):
        columns = []
        for name in self.columns:
            kind, unit, text = COLUMNS.get(name, (_kind_of(row.get(name)), "", ""))
            columns.append({"name": name, "type": kind, "unit": unit, "description": text})
        schema = {
            "v": 1,
            "file": os.path.basename(self.path),
            "form": "strict",
            "columns": columns,
            "extra": os.path.basename(self.extra_path),
        }
        part = self.schema_path + ".part"
        with open(part, "w", encoding="utf-8", newline="") as file:
            file.write(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")
        os.replace(part, self.schema_path)

    # --------------------------------------------------------------------------------------- fields

    def _line(self, fields):
        text = io.StringIO()
        ending = "\r\n" if self.form == "legacy" else "\n"
        if self.form == "legacy":
            csv.writer(text, lineterminator=ending).writerow(fields)
        else:
            # Lists are always quoted, everything else only where it must be.
            text.write(",".join(_strict_field(field) for field in fields) + ending)
        return text.getvalue()

    def _field(self, name, value):
        if isinstance(value, str):
            return " ".join(value.splitlines()) if "\n" in value or "\r" in value else value
        if self.form == "legacy":
            return _legacy(value)
        return _json_list(value) if isinstance(value, (list, tuple, dict)) else _strict_scalar(value)

    # ----------------------------------------------------------------------------------------- time

    def _stamp(self, row, at, monotonic_s):
        """The row with a UTC timestamp first and `elapsed_s` after it."""
        stamp = {"timestamp": _utc(at if at is not None else _moment(row.get("timestamp")))}
        stamp["elapsed_s"] = None
        rest = {key: value for key, value in row.items() if key not in ("timestamp", "elapsed_s")}
        if "elapsed_s" in row:
            stamp["elapsed_s"] = row["elapsed_s"]
        stamp.update(rest)
        return stamp

    def _set_elapsed(self, row, monotonic_s, new):
        if row.get("elapsed_s") is not None:
            return
        now = time.monotonic() if monotonic_s is None else monotonic_s
        if self._clock_zero is None or new:
            self._clock_zero = now
        row["elapsed_s"] = round(max(0.0, now - self._clock_zero), 3)

    def _resume_clock(self, first):
        """A file begun by an earlier process: its first stamp is where elapsed_s was 0."""
        if self._clock_zero is not None:
            return
        try:
            began = _moment(first[self.columns.index("timestamp")])
            begun_s = float(first[self.columns.index("elapsed_s")])
        except (TypeError, ValueError, IndexError):
            return
        passed = (scaled_now() - began).total_seconds() + begun_s
        self._clock_zero = time.monotonic() - max(0.0, passed)


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def scaled_now():
    return datetime.datetime.fromtimestamp(time.time(), datetime.timezone.utc)


def _moment(value):
    """An aware datetime from a stamp of either form; now, where there is none to read."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if isinstance(value, str):
        text = value[:-1] + "+00:00" if value.endswith("Z") else value
        # Before Python 3.11 a fraction must have three or six digits.
        text = re.sub(r"\.(\d+)", lambda found: "." + (found[1] + "00000")[:6], text)
        try:
            value = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise ValueError('Cannot read the timestamp "%s": ISO 8601 is needed' % value) from None
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc)  # a naive one is local time
    return scaled_now()


def _utc(moment):
    if not isinstance(moment, datetime.datetime):
        moment = _moment(moment)
    moment = moment.astimezone(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


def _legacy(value):
    """As Python's own csv module prints it; NaN is a missing value here as everywhere."""
    if isinstance(value, float) and not _finite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [None if isinstance(one, float) and not _finite(one) else one for one in value]
    return value


class _Quoted(str):
    """A field that is quoted whether or not it must be."""


def _json_list(value):
    return _Quoted(json.dumps(_clean(value), ensure_ascii=False, allow_nan=False))


def _strict_scalar(value):
    if value is None or (isinstance(value, float) and not _finite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _strict_field(field):
    if isinstance(field, _Quoted) or any(one in field for one in ',"\n\r'):
        return '"%s"' % field.replace('"', '""')
    return field


def _clean(value):
    """Without NaN and infinities, which JSON cannot hold."""
    if isinstance(value, float):
        return value if _finite(value) else None
    if isinstance(value, (list, tuple)):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _clean(one) for key, one in value.items()}
    return value


def _finite(value):
    return value == value and value not in (float("inf"), float("-inf"))


def _kind_of(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "numbers" if isinstance(value, (list, tuple)) else "text"
