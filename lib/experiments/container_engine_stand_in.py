#!/usr/bin/env python3
"""Stands for docker in tests: records every command line beside itself, and runs containers in bwrap.

As with the real one a container is no child of the client that asked for it: the client only passes its
output and its exit code on, forwards SIGTERM, and can be killed without the container ending.
"""

import json
import os
import signal
import subprocess
import sys
import time

STATE = os.path.dirname(os.path.abspath(__file__))
ALONE = {"--init", "--rm", "--interactive", "--read-only"}


def path_of(name, what):
    return os.path.join(STATE, "%s.%s" % (name, what))


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def below(pid):
    found = []
    for child in (read("/proc/%d/task/%d/children" % (pid, pid)) or "").split():
        found += [int(child)] + below(int(child))
    return found


def kill(name):
    pid = read(path_of(name, "pid"))
    if pid is None:
        return False
    for one in [int(pid)] + below(int(pid)):
        try:
            os.kill(one, signal.SIGKILL)
        except OSError:
            pass
    return True


def options_of(argv):
    options, rest = [], list(argv)
    while rest[0].startswith("--"):
        key = rest.pop(0)
        options.append((key, "" if key in ALONE else rest.pop(0)))
    return options, rest[0], rest[1:]


def box(options):
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--die-with-parent", "--ro-bind", "/usr", "/usr"]
    for link in ("/bin", "/lib", "/lib64"):
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    env = {"PATH": "/usr/bin:/bin"}
    for key, value in options:
        if key == "--mount":
            fields = dict(field.partition("=")[::2] for field in value.split(","))
            how = "--ro-bind" if "readonly" in fields else "--bind"
            command += [how, fields["source"], fields["target"]]
        elif key == "--workdir":
            command += ["--chdir", value]
        elif key == "--env":
            key, given, text = value.partition("=")
            env[key] = text if given else os.environ[key]
    return command, env


def run(argv):
    options, image, inner = options_of(argv)
    if image != "scripts:1":
        sys.stderr.write("docker: Error response from daemon: No such image: %s\n" % image)
        return 125
    name = dict(options).get("--name", "unnamed-%d" % os.getpid())
    if os.path.exists(path_of(name, "pid")):
        sys.stderr.write("docker: Error response from daemon: the name is taken\n")
        return 125
    command, env = box(options)
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        child = subprocess.Popen(command + inner, env=env, close_fds=False)
        with open(path_of(name, "new"), "w") as file:
            file.write(str(child.pid))
        os.rename(path_of(name, "new"), path_of(name, "pid"))
        code = child.wait()
        with open(path_of(name, "code"), "w") as file:
            file.write(str(code if code >= 0 else 128 - code) + "\n")
        os._exit(0)
    os.waitpid(middle, 0)

    def forward(*_):
        # Behind bwrap and the first process of its namespace.
        for one in below(int(read(path_of(name, "pid"))))[1:]:
            try:
                os.kill(one, signal.SIGTERM)
            except OSError:
                pass

    signal.signal(signal.SIGTERM, forward)
    while not (read(path_of(name, "code")) or "").endswith("\n"):
        time.sleep(0.01)
    code = int(read(path_of(name, "code")))
    if ("--rm", "") in options:
        remove(name)
    return code


def remove(name):
    kill(name)
    for what in ("pid", "code", "oom"):
        try:
            os.remove(path_of(name, what))
        except OSError:
            pass
    return 0


def main(argv):
    with open(os.path.join(STATE, "argv.jsonl"), "a") as file:
        file.write(json.dumps(argv) + "\n")
    if argv[:2] == ["image", "inspect"]:
        return 0 if argv[-1] == "scripts:1" else 1
    if argv[0] == "run":
        return run(argv[1:])
    if argv[0] == "kill":
        return 0 if kill(argv[-1]) else 1
    if argv[0] == "rm":
        return remove(argv[-1])
    if argv[0] == "inspect":
        if not os.path.exists(path_of(argv[-1], "pid")):
            return 1
        print("true" if os.path.exists(path_of(argv[-1], "oom")) else "false")
        return 0
    return 1


sys.exit(main(sys.argv[1:]))
