import { Auth } from "../auth/mod.ts";
import { systemClock } from "../clock.ts";
import { openDataFolder } from "../data_folder.ts";
import { DataFolderOwned } from "../data_folder_errors.ts";
import { Kv } from "../kv.ts";
import { type CliHost, type CommandArgs, CommandFailed } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { settingsOf } from "./settings.ts";

/**
 * Accounts and tokens straight from the data folder, which no running Holdfast may own meanwhile.
 *
 * @throws {CommandFailed} while one does.
 */
export async function withAuth<T>(
  args: CommandArgs,
  host: CliHost,
  act: (auth: Auth) => Promise<T>,
): Promise<T> {
  const { config } = settingsOf(args, host);
  using folder = await openFolder(config.data.dir, config.server.port);
  const kv = await Kv.open(folder.kvPath, systemClock);
  try {
    return await act(
      await Auth.open({
        kv,
        clock: systemClock,
        enabled: config.auth.enabled,
        sessionHours: config.auth.sessionHours,
      }),
    );
  } finally {
    await kv.close();
  }
}

async function openFolder(dir: string, port: number) {
  try {
    return await openDataFolder(dir);
  } catch (error) {
    if (!(error instanceof DataFolderOwned)) throw error;
    throw new CommandFailed(
      EXIT.dataFolder,
      `A Holdfast is running on "${dir}". Ask that one: add --url http://127.0.0.1:${port} ` +
        "(and --token where people log in), or use Settings in the browser",
      { cause: error },
    );
  }
}
