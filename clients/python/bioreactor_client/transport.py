"""HTTP to the instrument: a timeout on every call, retries for reads only, errors as exceptions."""

import http.client
import json
import os
import socket
import sys
import threading
import urllib.parse

from . import errors, scaled_time

DEFAULT_URL = "http://127.0.0.1:8000"
HOLD_LOOK_S = 1.0  # how often a held script looks whether it is released
RETRY_MAX_S = 0.5  # longest pause while the API is away: a script loses no more than its outage
REPLY_BYTES_MAX = 64 * 1024 * 1024


def say(text):
    """One line on stderr, where the run's log picks it up whatever the script does with logging."""
    try:
        sys.stderr.write("bioreactor_client: %s\n" % text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


class Api:
    """Calls to one instrument. Safe to use from several threads: each call has its own connection.

    `timeout_s`   longest wait for one answer, seconds of true time
    `patience_s`  how long a read is tried again while the API is away, e.g. while the runtime
                  restarts. Once that is used up, further calls fail at once until one succeeds.

    A command (POST, PUT, DELETE) is sent once. Only when it could not be sent at all, because nothing
    listens, is it held back, for `send_patience_s` at most. While the experiment is held, it waits for
    the release, however long that takes.
    """

    def __init__(self, url=None, token=None, timeout_s=10.0, patience_s=60.0, send_patience_s=15.0):
        url = url or os.environ.get("BIOREACTOR_NODE_API_URL") or DEFAULT_URL
        parts = urllib.parse.urlsplit(url if "//" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError('Cannot use the API address "%s": it must look like %s' % (url, DEFAULT_URL))
        self.url = url.rstrip("/")
        self.token = token if token is not None else os.environ.get("EXPERIMENT_TOKEN") or None
        self.timeout_s = timeout_s
        self.patience_s = patience_s
        self.send_patience_s = send_patience_s
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._base = parts.path.rstrip("/")
        self._lock = threading.Lock()
        self._away = False  # patience was used up; cleared by the next answer

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, {} if body is None else body, **options)

    def request(self, method, path, body=None, *, component=None, last_good=None, timeout_s=None,
                patience_s=None, headers=None):
        """The parsed JSON of the answer, or its text where it is not JSON.

        Raises a BioreactorError; which one tells what happened.
        """
        asked = "%s %s" % (method, path)
        reading = method == "GET"
        patience = patience_s
        if patience is None:
            patience = 0.0 if self._away else (self.patience_s if reading else self.send_patience_s)
        timeout = self.timeout_s if timeout_s is None else timeout_s
        start = scaled_time.real_monotonic()
        pause = 0.2
        told = False
        while True:
            try:
                status, reply = self._once(method, path, body, timeout, headers or {})
                code = reply.get("code") if isinstance(reply, dict) else None
                # The relay answers for an API that is away; the runtime itself while it starts.
                refused = status == 503 and code in ("api_away", "starting")
                if not refused:
                    break
                cause, unsent = str(reply.get("detail", "it is restarting")), True
            except _NotSent as error:
                cause, unsent = str(error), True
            except _NoAnswer as error:
                cause, unsent = str(error), False
            passed = scaled_time.real_monotonic() - start
            again = reading or unsent
            if not again or passed + pause > patience:
                if again and patience_s is None:
                    with self._lock:
                        self._away = True
                raise errors.ApiAway(
                    "%s: the instrument's API at %s %s (%s%s)" % (
                        asked,
                        self.url,
                        "does not answer" if unsent or reading
                        else "gave no answer, so the command may have been carried out",
                        cause,
                        "; tried for %.0f s" % passed if told else "",
                    ),
                    component=component,
                    code="api_away" if unsent else "no_answer",
                    last_good=last_good,
                )
            if not told:
                told = True
                say("%s: no answer from %s (%s); trying again for up to %.0f s" % (
                    asked, self.url, cause, patience))
            scaled_time.real_sleep(pause)
            pause = min(pause * 1.6, RETRY_MAX_S)
        with self._lock:
            self._away = False
        if told:
            say("%s: answered after %.1f s" % (asked, scaled_time.real_monotonic() - start))
        if status == 409 and code == "experiment_holding" and patience_s is None:
            self._await_release(asked)
            return self.request(
                method, path, body, component=component, last_good=last_good, timeout_s=timeout_s,
                headers=headers)
        if status >= 400:
            raise errors.from_reply(
                status, reply, asked=asked, component=component, last_good=last_good
            )
        return reply

    def _await_release(self, asked):
        """Sleeps while the experiment is held. Asking how it stands tells the runtime that we know."""
        name = os.environ.get("EXPERIMENT_ID")
        record = "/api/v1/experiments/%s" % urllib.parse.quote(name or "", safe="")
        say("%s: the experiment is held; waiting for its release" % asked)
        start = scaled_time.real_monotonic()
        while True:
            # Without a record of its own the command itself finds out.
            reply = self.get(record, component="experiment") if name else {}
            if not isinstance(reply, dict) or reply.get("state") != "holding":
                break
            scaled_time.real_sleep(HOLD_LOOK_S)
        if not name:
            scaled_time.real_sleep(HOLD_LOOK_S)
        say("%s: released after %.0f s" % (asked, scaled_time.real_monotonic() - start))

    def _once(self, method, path, body, timeout, headers):
        deadline = scaled_time.real_monotonic() + timeout
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise _NotSent(_reason(error)) from None
            send = {"Accept": "application/json", "Connection": "close"}
            if self.token:
                send["Authorization"] = "Bearer " + self.token
            data = None
            if body is not None:
                data = json.dumps(body, allow_nan=False).encode()
                send["Content-Type"] = "application/json"
            send.update(headers)
            try:
                connection.request(method, self._base + path, body=data, headers=send)
                response = connection.getresponse()
                text = self._read(response, connection, deadline)
            except (OSError, http.client.HTTPException) as error:
                raise _NoAnswer(_reason(error)) from None
            return response.status, _parse(text, response.getheader("Content-Type", ""))
        finally:
            connection.close()

    @staticmethod
    def _read(response, connection, deadline):
        chunks, total = [], 0
        while True:
            left = deadline - scaled_time.real_monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            if connection.sock is not None:
                connection.sock.settimeout(left)
            chunk = response.read1(65536)
            if not chunk:
                if response.length:  # the connection ended before the body did
                    raise http.client.IncompleteRead(b"", response.length)
                return b"".join(chunks)
            total += len(chunk)
            if total > REPLY_BYTES_MAX:
                raise http.client.HTTPException("the answer is larger than %d bytes" % REPLY_BYTES_MAX)
            chunks.append(chunk)


class _NotSent(Exception):
    """No connection: the call never left."""


class _NoAnswer(Exception):
    """It was sent, or partly; what became of it is not known."""


def _reason(error):
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _parse(data, content_type):
    text = data.decode("utf-8", "replace")
    if "json" in content_type or text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text
