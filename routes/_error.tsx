import { HttpError } from "fresh";
import { define } from "../lib/instrument/mod.ts";

export default define.page(function ErrorPage({ error, url }) {
  const status = error instanceof HttpError ? error.status : 500;
  const expected = error instanceof HttpError && error.status < 500;
  const known = expected && error.message !== "";
  return (
    <section class="card narrow">
      <header>
        <h1>{expected ? "This cannot be done" : "Holdfast failed on this page"}</h1>
        <span class="chip num">{status}</span>
      </header>
      <p>
        {known
          ? `${error.message}.`
          : expected
          ? "The address or the form asks for something that is not there."
          : "What drives the instrument runs apart from its pages: devices, runs and STOP go on. The log has the details."}
      </p>
      <div class="row">
        <a class="btn btn-main" href={url.pathname} aria-current="false">Open the page again</a>
        <a class="btn" href="/" aria-current="false">Overview</a>
        <a class="btn" href="/problems" aria-current="false">Problems and what to do</a>
      </div>
    </section>
  );
});
