import type { TestBrowser, Visit } from "./browser.ts";

/** Logs somebody in as a person does, and waits until the page is live. */
export async function logIn(
  browser: TestBrowser,
  url: string,
  name: string,
  password: string,
): Promise<Visit> {
  const visit = await browser.visit(`${url}/login?next=%2Fexperiments`);
  const { page } = visit;
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/experiments$/);
  await visit.awake();
  await page.locator(".top-clock small", { hasText: "live" }).waitFor();
  return visit;
}
