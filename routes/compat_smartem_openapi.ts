import type { Operation } from "./compat_smartem.ts";

/** What the operations are, for clients that read a description; bodies are those of the original. */
export function smartemDescription(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [method, path, summary] of operations) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const here = paths[path] ??= {};
    here[method.toLowerCase()] = {
      summary,
      operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}`,
      ...names.length === 0 ? {} : {
        parameters: names.map((name) => ({
          name,
          in: "path",
          required: true,
          schema: { type: "string" },
        })),
      },
      responses: { default: { description: "As the SmartEM API answers" } },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "SmartEM Decisions API",
      version: "compatible",
      description: 'Served by Holdfast. Errors are {"detail": ...}; times without a zone are UTC.',
    },
    paths,
  };
}
