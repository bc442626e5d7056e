import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import type { FilesData } from "../components/epu_findings.ts";
import { followPage } from "../components/epu_live.ts";
import { EpuFileRows } from "../components/EpuFileRows.tsx";
import { instrumentNow } from "../components/live.ts";

interface Props {
  acquisitionId: string;
  initial: FilesData;
  /** Query of the page, without where it begins. */
  asked: Readonly<Record<string, string>>;
  isFirst: boolean;
  clock: PageClock;
}

const LEAST_MS = 4000;

/** One page of the manifest: how far we are with each file; live. */
export default function EpuFiles({ acquisitionId, initial, asked, isFirst, clock }: Props) {
  const data = useSignal(initial);
  useEffect(() => {
    const page = followPage<FilesData>({
      matters: ({ type, subject }) => type === "epu.changed" && subject === acquisitionId,
      take: (next) => data.value = next,
      leastMs: LEAST_MS,
    });
    return page.stop;
  }, []);
  const { files, next } = data.value;
  return (
    <>
      {files.length === 0
        ? <p class="empty">No file of this session is like that.</p>
        : <EpuFileRows files={files} clock={clock} nowMs={instrumentNow(clock)} />}
      {(next !== null || !isFirst) && (
        <nav class="row pages" aria-label="Pages of files">
          {!isFirst && <a class="btn" href={`?${new URLSearchParams(asked)}`}>First</a>}
          {next !== null && (
            <a class="btn" href={`?${new URLSearchParams({ ...asked, after: next })}`}>Further</a>
          )}
        </nav>
      )}
    </>
  );
}
