"""A client of the device coordination service, standard library only: the calls its Python programs make.

Run with the address of a service, it goes through all of them and says what failed.
"""

import base64
import http.client
import json
import os
import socket
import struct
import sys
import threading
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

PRIORITY = {"MAINTENANCE": 0, "QUEUE_EXECUTING": 1, "MANUAL_OPERATOR": 2, "QUEUE_QUEUED": 3}
PATIENCE_S = 20


class Refused(Exception):
    def __init__(self, status, detail):
        super().__init__("%d: %s" % (status, detail))
        self.status = status


def moment(text):
    """A time as these clients take it: without a zone, compared with others without one."""
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError("%r names a zone" % text)
    return found


class Client:
    def __init__(self, url):
        self.host = urlsplit(url).hostname
        self.port = urlsplit(url).port

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            headers = {} if body is None else {"content-type": "application/json"}
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            reply = connection.getresponse()
            found = json.loads(reply.read())
            if reply.status >= 300:
                raise Refused(reply.status, found.get("detail"))
            return found
        finally:
            connection.close()

    def health_check(self):
        return self.call("GET", "/api/health/ready")

    def request_lock(self, device, lock_type, user, timeout=300, reason=None, plan_uid=None):
        return self.call("POST", "/api/lock/request", {
            "device_name": device, "lock_type": lock_type, "user_id": user,
            "timeout": timeout, "reason": reason, "plan_uid": plan_uid,
        })

    def release_lock(self, device, key, user):
        query = urlencode({"device_name": device, "lock_key": key, "user_id": user})
        return self.call("POST", "/api/lock/release?" + query)

    def lock_status(self, device):
        return self.call("GET", "/api/locks/device/" + quote(device, safe=""))

    def all_locks(self):
        return self.call("GET", "/api/locks/status")

    def is_locked(self, device):
        return self.lock_status(device)["locked"]

    def can_access(self, device, lock_type):
        status = self.lock_status(device)
        return not status["locked"] or PRIORITY[lock_type] <= status["lock"]["priority"]


class Held:
    """A device for the time of a `with` block."""

    def __init__(self, client, device, lock_type, user, **more):
        self.client, self.device, self.user = client, device, user
        self.ask = lambda: client.request_lock(device, lock_type, user, **more)

    def __enter__(self):
        answer = self.ask()
        if not answer["success"]:
            raise RuntimeError("not acquired: " + answer["message"])
        self.key = answer["lock_key"]
        return self.key

    def __exit__(self, *_):
        self.client.release_lock(self.device, self.key, self.user)


class Monitor:
    """The socket: a cache of all locks, and everything that was heard."""

    def __init__(self, client):
        self.locks, self.heard, self.pongs = {}, [], 0
        self.changed = threading.Condition()
        self.socket = socket.create_connection((client.host, client.port), timeout=PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            "GET /ws HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % (client.host, client.port, key)
        ).encode())
        self.stream = self.socket.makefile("rb")
        if b" 101 " not in self.stream.readline():
            raise RuntimeError("the socket was refused")
        while self.stream.readline() not in (b"\r\n", b""):
            pass
        threading.Thread(target=self.listen, daemon=True).start()

    def send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        self.socket.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def listen(self):
        while True:
            head = self.stream.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                return
            length = head[1] & 0x7F
            if length == 126:
                length = struct.unpack("!H", self.stream.read(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.stream.read(8))[0]
            data = self.stream.read(length)
            if head[0] & 0x0F == 1:
                with self.changed:
                    self.take(json.loads(data))
                    self.changed.notify_all()

    def take(self, message):
        kind = message["type"]
        if kind in ("initial_status", "status_response"):
            self.locks = {lock["device_name"]: lock for lock in message["data"]["locks"]}
        elif kind == "lock_update":
            device, action = message["device_name"], message["action"]
            moment(message["timestamp"])
            if action == "acquired":
                self.locks[device] = message["lock"]
            else:
                self.locks.pop(device, None)
            self.heard.append((device, action, message.get("reason")))
        elif kind == "pong":
            self.pongs += 1

    def wait(self, holds):
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), PATIENCE_S), self.heard


def expect(found, wanted):
    assert found == wanted, "%r instead of %r" % (found, wanted)


def refused(status, act, *args):
    try:
        act(*args)
    except Refused as error:
        return expect(error.status, status)
    raise AssertionError("%s was not refused" % (args,))


def every_call(client):
    expect(client.health_check()["status"], "ready")
    monitor = Monitor(client)
    device = "motor/x ä"
    given = client.request_lock(device, "MANUAL_OPERATOR", "anna", timeout=60, reason="align")
    expect(given["success"], True)
    assert isinstance(given["lock_key"], str) and given["lock_key"]
    lock = client.lock_status(device)["lock"]
    assert moment(lock["expires_at"]) == moment(given["expires_at"])
    assert moment(lock["acquired_at"]) < moment(lock["expires_at"])
    assert moment(lock["expires_at"]) > datetime.utcnow()
    assert isinstance(lock["lock_key"], str) and lock["lock_key"] != given["lock_key"]
    expect((lock["user_id"], lock["reason"], lock["priority"]), ("anna", "align", 2))
    every = client.all_locks()
    expect(every["total_count"], len(every["locks"]))
    expect(client.is_locked(device), True)
    expect(client.is_locked("never"), False)
    expect(client.can_access(device, "MAINTENANCE"), True)
    expect(client.can_access(device, "QUEUE_QUEUED"), False)
    denied = client.request_lock(device, "QUEUE_QUEUED", "bert")
    expect((denied["success"], denied["lock_key"], denied["expires_at"]), (False, None, None))
    try:
        with Held(client, device, "QUEUE_QUEUED", "bert"):
            raise AssertionError("held by two")
    except RuntimeError:
        pass
    refused(403, client.release_lock, device, "wrong", "anna")
    refused(403, client.release_lock, device, given["lock_key"], "bert")
    refused(422, client.call, "POST", "/api/lock/release?device_name=x")
    monitor.wait(lambda m: device in m.locks)
    expect(client.release_lock(device, given["lock_key"], "anna")["success"], True)
    refused(404, client.release_lock, device, given["lock_key"], "anna")
    monitor.wait(lambda m: device not in m.locks)

    monitor.send("this is no JSON")
    monitor.send('{"type":"ping"}')
    monitor.wait(lambda m: m.pongs == 1)
    with Held(client, "cam", "QUEUE_QUEUED", "queue", plan_uid="p"):
        second = Monitor(client)
        second.wait(lambda m: "cam" in m.locks)
        again = client.request_lock("cam", "QUEUE_EXECUTING", "queue", plan_uid="p")
        expect(again["success"], True)
        monitor.wait(lambda m: m.locks.get("cam", {}).get("lock_type") == "QUEUE_EXECUTING")
    monitor.wait(lambda m: "cam" not in m.locks)
    first = client.request_lock("stage", "QUEUE_QUEUED", "queue")
    boss = client.request_lock("stage", "MAINTENANCE", "boss", timeout=None)
    expect((boss["success"], boss["expires_at"]), (True, None))
    refused(403, client.release_lock, "stage", first["lock_key"], "queue")
    client.release_lock("stage", boss["lock_key"], "boss")
    monitor.wait(lambda m: len([one for one in m.heard if one[0] == "stage"]) == 4)
    expect([one for one in monitor.heard if one[0] == "stage"], [
        ("stage", "acquired", None),
        ("stage", "force_released", "Overridden by higher priority MAINTENANCE"),
        ("stage", "acquired", None),
        ("stage", "released", None),
    ])
    client.request_lock("short", "MANUAL_OPERATOR", "anna", timeout=1)
    monitor.wait(lambda m: ("short", "force_released", "Expired") in m.heard)
    expect(client.is_locked("short"), False)


if __name__ == "__main__":
    every_call(Client(sys.argv[1]))
    print("every call answered as expected")
