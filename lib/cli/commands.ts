import { ACCESS_COMMANDS } from "./access.ts";
import { BACKUP_COMMANDS } from "./backup.ts";
import type { CommandSpec } from "./command.ts";
import { config, init } from "./configuration.ts";
import { doctor } from "./doctor.ts";
import { epuParse } from "./epu_parse.ts";
import { EPU_TOOL_COMMANDS } from "./epu_tools.ts";
import { epuValidate } from "./epu_validate.ts";
import { EXPERIMENT_COMMANDS } from "./experiments.ts";
import { agent, serve } from "./serve.ts";

/** In the order in which help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  serve,
  init,
  config,
  doctor,
  ...EXPERIMENT_COMMANDS,
  epuParse,
  epuValidate,
  ...EPU_TOOL_COMMANDS,
  ...ACCESS_COMMANDS,
  ...BACKUP_COMMANDS,
  agent,
];
