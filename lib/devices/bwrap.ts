/** Where an agent's process may reach, as the operating system enforces it. */
export interface Sandbox {
  /** Absolute path of `bwrap`. */
  readonly bwrapPath: string;
  /** Device nodes it drives, absolute paths: `/dev/i2c-1`. */
  readonly devices: readonly string[];
}

/**
 * `command` inside bubblewrap: read-only root, no network, no capability, of `/dev` only the harmless nodes
 * and the agent's own. The process id namespace stays shared and `--die-with-parent` stays off: both would
 * kill the agent the moment its parent dies, before it could bring its devices to their safe state.
 *
 * @throws {RangeError} when a device is not an absolute path below `/dev`.
 */
export function bwrapCommand(
  command: readonly string[],
  { bwrapPath, devices }: Sandbox,
): [string, ...string[]] {
  for (const node of devices) {
    if (!/^\/dev\/[A-Za-z0-9._/-]+$/.test(node) || node.includes("/..")) {
      throw new RangeError(`"${node}" is not a device node`);
    }
  }
  return [
    bwrapPath,
    ...["--ro-bind", "/", "/"],
    ...["--dev", "/dev"],
    ...devices.flatMap((node) => ["--dev-bind", node, node]),
    ...["--proc", "/proc"],
    ...["--unshare-net", "--unshare-ipc", "--unshare-uts"],
    ...["--cap-drop", "ALL"],
    ...["--chdir", "/"],
    "--",
    ...command,
  ];
}
