import type { ComponentType } from "preact";

/** The modules of an application, as `fresh.gen.ts` lists them. */
export interface Manifest {
  /** Modules below `routes/` by their path there: `devices/[id].tsx`. */
  readonly routes: Readonly<Record<string, unknown>>;
  /** Island modules by their path below the root: `islands/Clock.tsx`. */
  readonly islands: Readonly<Record<string, unknown>>;
}

/** One island component and the bundle that brings it to the browser. */
export interface Island {
  /** Path below the root. */
  readonly file: string;
  readonly exportName: string;
  /** Address of the bundle. */
  readonly url: string;
  /** Addresses of the chunks it imports, to be fetched beside it. */
  readonly preload: readonly string[];
}

/** A file the application serves as it is. */
export interface StaticFile {
  readonly contentType: string;
  /** Strong entity tag with its quotes. */
  readonly etag: string;
  /** Its address names its content: a browser may keep it for ever. */
  readonly immutable: boolean;
  readonly bytes: number;
  /** Reads it in the encoding that was asked for; `null` where there is none. */
  read(encoding: Encoding | null): Promise<Uint8Array<ArrayBuffer>>;
  readonly encodings: readonly Encoding[];
}
export type Encoding = "br" | "gzip";

/** A built application: what the app needs besides its own commands. */
export interface Build {
  readonly root: string;
  readonly mode: "development" | "production";
  /** Changes with any file that reaches the browser. */
  readonly id: string;
  readonly routes: Readonly<Record<string, unknown>>;
  readonly islands: ReadonlyMap<ComponentType, Island>;
  readonly boot: { readonly url: string; readonly preload: readonly string[] };
  /** Scripts every page loads in development. */
  readonly devScripts: readonly string[];
  /** The file at a decoded path, e.g. `/css/app.css`. */
  file(path: string): StaticFile | null;
  /** Answers addresses of development only. */
  devResponse(url: URL): Promise<Response | null>;
}
