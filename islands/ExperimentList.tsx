import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import type { ShownExperiment, ShownFile, Viewer } from "../components/experiments.ts";
import { hearExperiments } from "../components/live.ts";
import { RunTable } from "../components/RunTable.tsx";

interface Props {
  title: string;
  sub: string;
  rows: ShownExperiment[];
  viewer: Viewer;
  clock: PageClock;
  /** By id, of those whose files are shown. */
  files?: Record<string, ShownFile[]>;
  /** Ids of those whose files were removed after their time. */
  gone?: string[];
  /** Id of the form that compares those that are ticked. */
  compareIn?: string;
  removable?: boolean;
}

/** Experiments that an address asked for; their states follow, and the list stays as it was asked for. */
export default function ExperimentList(props: Props) {
  const rows = useSignal(props.rows);
  const take = (changed: ShownExperiment) => {
    rows.value = rows.value.map((one) => one.id === changed.id ? changed : one);
  };
  useEffect(() => hearExperiments(take), []);
  return <RunTable {...props} rows={rows.value} onChange={take} />;
}
