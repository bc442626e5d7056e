import { digest } from "./bundle.ts";

/**
 * Puts a file in place whole, by renaming: who reads it meanwhile has the old content or the new.
 * @returns whether the content was another than before; if not, the file is left alone.
 */
export async function writeIfChanged(
  path: string,
  content: string | Uint8Array,
): Promise<boolean> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const old = await Deno.readFile(path).catch(() => null);
  if (old !== null && digest(old) === digest(bytes)) return false;
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await Deno.writeFile(temporary, bytes);
  await Deno.rename(temporary, path);
  return true;
}
