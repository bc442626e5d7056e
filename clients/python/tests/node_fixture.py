"""A small instrument that speaks the node's routes and the native ones the client uses.

It keeps state as the real one does (what was commanded is what is read back), refuses what the real one
refuses, and can be told to fail.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Node:
    """`with Node() as node:` serves on a free port; `node.url`."""

    def __init__(self, pumps=("inflow", "outflow"), relays=("relay_1", "relay_2")):
        self.temperature = 25.4
        self.co2 = 633
        self.od = [0.12, None, 0.18]
        self.peltier = {"duty_cycle": 0, "direction": "forward"}
        self.stirrer = 0
        self.led = 0
        self.ring = (0, 0, 0)
        self.pixels = {}
        self.pumps = {name: 0 for name in pumps}
        self.relays = {name: False for name in relays}
        self.dose = {}
        self.dose_cut = None
        self.limited = False  # a duty above the peltier's limit was asked for
        self.components = [
            "led", "peltier_driver", "stirrer", "ring_light", "pumps", "temp_sensor",
            "optical_density", "eyespy_adc", "co2_sensor", "o2_sensor",
        ]
        self.requests = []  # (method, path, body, headers)
        self.fail = {}  # {path: (status, body)}
        self.held = None
        self.experiment = {"state": "running"}
        self.notes, self.phases = [], []
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"node": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def posts(self, path=None):
        return [
            (at, body) for method, at, body, _ in self.requests
            if method == "POST" and (path is None or at == path)
        ]

    # Replies are (status, body).

    def answer(self, method, path, body):
        if path in self.fail:
            return self.fail[path]
        parts = path.strip("/").split("/")
        if method == "GET":
            return self._get(path, parts)
        if self.held is not None and (parts[-1] in ("control", "commands") or path in _LEGACY):
            return _problem(409, "device-held", "The device is held by %s" % self.held)
        return self._post(path, parts, body)

    def _get(self, path, parts):
        if path == "/api/status":
            return 200, {"status": "operational", "hardware_available": True,
                         "initialized_components": {n: True for n in self.components},
                         "api_version": "3.0.0"}
        if path == "/api/v3/capabilities":
            known = {name: {"type": "actuator"} for name in self.components}
            if "pumps" in known:
                known["pumps"]["available_pumps"] = list(self.pumps)
            known["peltier_driver"].update(heat_max=70, cool_max=40)
            known["relays"] = {"available_relays": list(self.relays)}
            return 200, known
        if path == "/api/sensors/all":
            return 200, {"status": "success", "temperature": self.temperature,
                         "photodiodes": self.od, "co2_ppm": self.co2}
        if path == "/api/sensors/photodiodes":
            return 200, {"status": "success", "readings": self.od}
        if path == "/api/sensors/temperature":
            return 200, {"status": "success", "temperature": self.temperature}
        if path == "/api/sensors/current":
            return 200, {"status": "success", "peltier_current": 1.5, "label": "peltier"}
        if parts[:2] == ["api", "v3"] and parts[3:] == ["state"]:
            return self._state(parts[2])
        if path == "/api/v1/devices":
            return 200, self._views()
        if parts[:3] == ["api", "v1", "devices"] and len(parts) == 4:
            for view in self._views():
                if view["capability"]["deviceId"] == parts[3]:
                    return 200, view
        if parts[:3] == ["api", "v1", "experiments"] and len(parts) == 4:
            return 200, self.experiment
        return _problem(404, "not-found", "There is nothing at %s" % path)

    def _state(self, name):
        if name not in self.components:
            return 404, {"detail": "Not Found"}
        if name == "temp_sensor":
            bad = self.temperature is None
            return 200, {"status": "error" if bad else "success", "temperature": self.temperature,
                         "unit": "celsius", "message": "no answer" if bad else None,
                         "code": "disconnected" if bad else None}
        if name == "co2_sensor":
            bad = self.co2 is None
            return 200, {"status": "error" if bad else "success", "co2_ppm": self.co2, "unit": "ppm",
                         "message": "not ready" if bad else None}
        if name == "o2_sensor":
            return 200, {"status": "success", "o2_percent": 20.9, "unit": "percent"}
        if name == "optical_density":
            return 200, {"status": "success", "voltages": self.od, "unit": "volts",
                         "channels": ["135", "Ref", "90"], "message": None}
        if name == "eyespy_adc":
            return 200, {"status": "success", "voltages": [], "unit": "volts", "message": None}
        if name == "peltier_driver":
            return 200, dict(self.peltier, status="success", active=self.peltier["duty_cycle"] > 0)
        if name == "stirrer":
            return 200, {"status": "success", "duty_cycle": self.stirrer, "active": self.stirrer > 0}
        if name == "ring_light":
            red, green, blue = self.ring
            return 200, {"status": "success", "red": red, "green": green, "blue": blue,
                         "active": any(self.ring)}
        return 404, {"detail": "Not Found"}

    def _post(self, path, parts, body):
        if path == "/api/led":
            self.led = 100 if body["state"] else 0
        elif path == "/api/peltier":
            self.peltier = {"duty_cycle": body["power"],
                            "direction": "heat" if body["forward"] else "cool"}
        elif path == "/api/pump":
            return self._pump(body["name"], body["velocity"])
        elif path == "/api/stirrer":
            return self._range("stirrer", body["duty_cycle"])
        elif path == "/api/ring-light":
            self.ring = (body["red"], body["green"], body["blue"])
        elif parts[:2] == ["api", "v3"] and parts[3:] == ["control"]:
            return self._control(parts[2], body)
        elif parts[:3] == ["api", "v1", "devices"] and parts[4:] == ["commands"]:
            return self._command(parts[3], body["op"], body["args"])
        elif parts[:3] == ["api", "v1", "experiments"] and parts[4:] == ["notes"]:
            self.notes.append(body["text"])
        elif parts[:3] == ["api", "v1", "experiments"] and parts[4:] == ["phase"]:
            self.phases.append(body["phase"])
        else:
            return _problem(404, "not-found", "There is nothing at %s" % path)
        return 200, {"status": "success"}

    def _control(self, name, body):
        if name == "stirrer":
            return self._range("stirrer", body["duty_cycle"])
        if name == "led":
            return self._range("led", body["power"])
        if name == "peltier_driver":
            most = 70 if body["direction"] == "heat" else 40
            duty = min(body["duty_cycle"], most)
            self.limited = duty < body["duty_cycle"]
            self.peltier = {"duty_cycle": duty, "direction": body["direction"]}
            return 200, dict(self.peltier, status="success")
        if name == "ring_light":
            colour = (body["red"], body["green"], body["blue"])
            if not all(isinstance(c, int) and 0 <= c <= 255 for c in colour):
                return 422, {"detail": [{"type": "int", "loc": ["body", "red"], "msg": "0 to 255"}]}
            if "pixel_index" in body:
                self.pixels[body["pixel_index"]] = colour
            else:
                self.ring = colour
            return 200, {"status": "success"}
        if name == "pumps":
            return self._pump(body["pump_name"], body["velocity"])
        return 404, {"detail": "Not Found"}

    def _range(self, name, value):
        if not 0 <= value <= 100:
            return _problem(422, "out-of-range", "%s: %r is not in 0 to 100" % (name, value))
        setattr(self, name, value)
        return 200, {"status": "success", "duty_cycle": value}

    def _pump(self, name, velocity):
        if name not in self.pumps:
            return _problem(404, "device-unknown", 'There is no pump "%s"' % name)
        if not 0 <= velocity <= 2.5:
            return _problem(422, "out-of-range", "velocity: %r is not in 0 to 2.5" % velocity)
        self.pumps[name] = velocity
        return 200, {"status": "success"}

    def _command(self, device, op, args):
        kind, _, name = device.partition("-")
        if kind == "relay":
            name = "relay_" + name
            self.relays[name] = args["closed"] if op == "set" else True
            if op == "pulse":
                threading.Timer(args["seconds"], self.relays.__setitem__, (name, False)).start()
            return 200, {"setpoint": {"closed": self.relays[name]}}
        if kind == "pump" and op == "dose":
            flow = args.get("flow", 1.0)
            done = args["volume"] if self.dose_cut is None else self.dose_cut
            self.dose[name] = {"asked_ml": args["volume"], "done_ml": done, "running": True}
            threading.Timer(
                args["volume"] / flow, self.dose[name].__setitem__, ("running", False)).start()
            return 200, {"setpoint": {"flow": flow}}
        return _problem(422, "invalid-request", "op: %r" % op)

    def _views(self):
        now = time.time() * 1000
        views = [_view("temperature", "temp_sensor", {}, {}, [
            {"deviceId": "temperature", "channel": "temperature", "value": self.temperature,
             "unit": "°C", "atMs": now - 500, "quality": "bad" if self.temperature is None else "good",
             **({"code": "disconnected"} if self.temperature is None else {})},
            {"deviceId": "temperature", "channel": "heat_sink", "value": 24.0, "unit": "°C",
             "atMs": now - 9000, "quality": "good"},
        ])]
        for name, closed in self.relays.items():
            views.append(_view("relay-" + name[6:], "relays", {"relay_name": name}, {"closed": closed}, []))
        for name, flow in self.pumps.items():
            readback = {"flow": flow}
            if name in self.dose:
                readback["dose"] = dict(self.dose[name])
            views.append(_view("pump-" + name, "pumps", {"pump_name": name}, readback, []))
        return views


def _view(device, component, facts, readback, readings):
    return {
        "capability": {"deviceId": device, "component": component, "facts": facts},
        "state": {"deviceId": device, "status": "ready", "readback": readback},
        "readings": readings,
        "holder": None,
    }


def _problem(status, kind, detail):
    return status, {"type": "/problems/" + kind, "title": kind, "status": status, "detail": detail,
                    "code": kind.replace("-", "_")}


_LEGACY = ("/api/led", "/api/peltier", "/api/pump", "/api/stirrer", "/api/ring-light")


class _Handler(BaseHTTPRequestHandler):
    node = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def _serve(self, method):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        with self.node.lock:
            self.node.requests.append((method, self.path, body, dict(self.headers)))
        answer = self.node.answer(method, self.path, body)
        if answer[0] is None:  # told to hang up without a word
            time.sleep(answer[1])
            self.close_connection = True
            return
        status, reply = answer
        data = json.dumps(reply).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the client gave up

    def log_message(self, *_):
        pass


def main():
    """Serves until its stdin closes; prints its address. For tests that start scripts."""
    with Node() as node:
        print(node.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
