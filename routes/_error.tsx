import { HttpError } from "fresh";
import { define } from "../lib/instrument/mod.ts";

export default define.page(function ErrorPage({ error, url }) {
  const status = error instanceof HttpError ? error.status : 500;
  const expected = error instanceof HttpError && error.status < 500;
  return (
    <section class="card narrow">
      <header>
        <h1>{expected ? "This page cannot be shown" : "Holdfast failed on this page"}</h1>
        <span class="chip">{status}</span>
      </header>
      <p>
        {expected && error.message !== ""
          ? error.message
          : "What drives the instrument runs apart from the pages: devices, runs and STOP go on. The log has the details."}
      </p>
      <div class="row">
        <a class="btn" href={url.pathname}>Try again</a>
        <a class="btn" href="/">Overview</a>
        <a class="btn" href="/events">Events</a>
      </div>
    </section>
  );
});
