import type { CommandSpec } from "./command.ts";
import { epuDuplicates } from "./epu_duplicates.ts";
import { epuFormatXml } from "./epu_format_xml.ts";
import { epuInfo } from "./epu_info.ts";
import { epuRecord } from "./epu_record.ts";
import { epuReplay } from "./epu_replay.ts";
import { epuSimulate } from "./epu_simulate.ts";
import { epuSkeleton } from "./epu_skeleton.ts";
import { epuWatch } from "./epu_watch.ts";
import { epuSmoke } from "./epu_smoke.ts";

/** Tools around EPU folders; in the order in which help shows them. */
export const EPU_TOOL_COMMANDS: readonly CommandSpec[] = [
  epuRecord,
  epuReplay,
  epuInfo,
  epuSimulate,
  epuSkeleton,
  epuFormatXml,
  epuDuplicates,
  epuSmoke,
  epuWatch,
];
