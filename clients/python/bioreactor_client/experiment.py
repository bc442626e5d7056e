"""What a script says about its own run, and what it keeps for the next attempt."""

import json
import os
import threading
import urllib.parse

from . import errors, scaled_time

CHECKPOINT = "checkpoint.json"
PAUSE_EVERY_S = 1.0


class Experiment:
    """The running experiment, named by EXPERIMENT_ID. Without one, words go to stderr only."""

    def __init__(self, api):
        self.api = api
        self.id = os.environ.get("EXPERIMENT_ID") or None
        self._lock = threading.Lock()
        self._pause = False
        self._asked_at = None

    def _path(self, tail=""):
        return "/api/v1/experiments/%s%s" % (urllib.parse.quote(self.id, safe=""), tail)

    def log_event(self, text):
        text = str(text)
        if not text.strip():
            raise ValueError("Cannot log an event without a text")
        if self.id is None:
            from .transport import say

            say("event: %s" % text)
            return
        self.api.post(self._path("/notes"), {"text": text[:2000]}, component="experiment")

    def set_phase(self, name):
        name = str(name)
        if self.id is None:
            from .transport import say

            say("phase: %s" % name)
            return
        self.api.post(self._path("/phase"), {"phase": name[:200]}, component="experiment")

    def pause_requested(self):
        """The answer is at most a second old; while the API is away it is the last one known."""
        if self.id is None:
            return False
        now = scaled_time.real_monotonic()
        with self._lock:
            if self._asked_at is not None and now - self._asked_at < PAUSE_EVERY_S:
                return self._pause
            self._asked_at = now
        try:
            reply = self.api.get(self._path(), component="experiment", patience_s=0.0)
        except errors.ApiAway:
            return self._pause
        record = reply.get("experiment", reply)
        pause = bool(record.get("pauseRequested")) or record.get("state") == "holding"
        with self._lock:
            self._pause = pause
        return pause

    # The checkpoint is a file in the run's own folder, so that it needs nothing but the disk.

    def checkpoint(self, state):
        text = json.dumps(state, allow_nan=False, ensure_ascii=False, indent=1)
        folder = output_dir()
        path = os.path.join(folder, CHECKPOINT)
        part = path + ".part"
        with self._lock:
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def load_checkpoint(self, default=None):
        path = os.path.join(output_dir(), CHECKPOINT)
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return default
        except ValueError as error:
            raise errors.BioreactorError(
                'Cannot read the checkpoint in "%s": %s' % (CHECKPOINT, error),
                component="checkpoint", code="corrupt") from None


def parameters(**defaults):
    """Values of the parameters that the script's header declares; `defaults` where none is given.

    Only outside of an experiment are there none: there the defaults are all there is.
    """
    try:
        given = json.loads(os.environ.get("PARAMETERS") or "{}")
    except ValueError:
        raise ValueError("Cannot read PARAMETERS: it is not valid JSON") from None
    if not isinstance(given, dict):
        raise ValueError("Cannot read PARAMETERS: it is not a JSON object")
    return {**defaults, **given}


def output_dir(given=None):
    """Where the run's files go: `given`, else OUTPUT_DIR, else the current folder."""
    folder = given or os.environ.get("OUTPUT_DIR") or "."
    os.makedirs(folder, exist_ok=True)
    return folder
