import { existsSync, renameSync } from "node:fs";

/**
 * Renames a damaged database with its journals to `<path>.corrupt-<UTC stamp>`, so that it can be looked
 * at and a new one begun. @returns the new path.
 */
export function moveAside(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const aside = freeName(`${path}.corrupt-${stamp}`);
  // The journals first: left alone beside a new database they would be taken for its own.
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

function freeName(name: string): string {
  for (let i = 1;; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!existsSync(candidate)) return candidate;
  }
}
