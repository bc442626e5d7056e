import { backUp, listBackups, restore } from "../backup.ts";
import { systemClock } from "../clock.ts";
import type { CommandSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { settingsOf } from "./settings.ts";
import { columns, stamp } from "./text.ts";

const backupCommand: CommandSpec = {
  name: "backup",
  summary: "Copy state and telemetry into the data folder's backups; Holdfast may run meanwhile",
  options: { list: { help: "List the backups there are" } },
  notes: [
    "Scripts and files of runs are not copied: copy the data folder's other folders beside it.",
  ],
  async run(args, host) {
    const { dir } = settingsOf(args, host).config.data;
    if (args.flag("list")) {
      const backups = await listBackups(dir);
      const rows = backups.map((b) => [
        b.stamp,
        stamp(b.atMs),
        `${Math.ceil(b.files.reduce((sum, { bytes }) => sum + bytes, 0) / 1024)} KiB`,
      ]);
      for (const line of columns(["Name", "Made", "Size"], rows)) host.out(line);
      return EXIT.ok;
    }
    const backup = await backUp(dir, systemClock);
    host.out(backup.path);
    host.err(`To go back to it: holdfast restore ${backup.stamp}`);
    return EXIT.ok;
  },
};

const restoreCommand: CommandSpec = {
  name: "restore",
  summary: "Go back to a backup; what is there now is kept aside. Holdfast must not run",
  positionals: "[NAME]",
  notes: ["Without a name, the newest backup."],
  async run(args, host) {
    const { dir } = settingsOf(args, host).config.data;
    const { backup, replaced } = await restore(dir, systemClock, args.positionals[0]);
    host.out(backup.stamp);
    host.err(`Restored the state of ${stamp(backup.atMs)}. What it replaced is in ${replaced}`);
    return EXIT.ok;
  },
};

export const BACKUP_COMMANDS = [backupCommand, restoreCommand];
