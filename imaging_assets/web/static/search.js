// The search page: results follow the typing, links replace only the part of the page they change, keys move about.
document.documentElement.classList.add("scripted");

const form = document.getElementById("search");
const words = document.getElementById("q");
const results = document.getElementById("results");
const failure = document.getElementById("failure");
const kept = document.getElementById("kept");
const narrow = matchMedia("(max-width: 800px)");
let asking = null;

// --- asking -----------------------------------------------------------------------------------------------------------

async function show(url, { fragment = "results", push = true } = {}) {
  asking?.abort();
  asking = new AbortController();
  results.classList.add("busy");
  try {
    const answer = await fetch(url, { headers: { "X-Fragment": fragment, Accept: "text/html" }, signal: asking.signal });
    if (answer.redirected || answer.status === 401) { location.href = url; return; }
    const html = await answer.text();
    if (!answer.ok) {
      const told = new DOMParser().parseFromString(html, "text/html").querySelector("main p");
      throw new Error(told ? told.textContent : `The server answered ${answer.status}.`);
    }
    (fragment === "grid" ? document.getElementById("grid") : results).innerHTML = html;
    failure.hidden = true;
    if (push) history.pushState(null, "", url); else history.replaceState(null, "", url);
    keep(new URL(url, location.href).searchParams);
    fold();
  } catch (error) {
    if (error.name === "AbortError") return;
    failure.textContent = error.message;
    failure.hidden = false;
  } finally {
    results.classList.remove("busy");
  }
}

// What the form sends beside the words: the filters that hold.
function keep(parameters) {
  kept.replaceChildren();
  for (const [name, value] of parameters) {
    if (name === "q" || name === "page" || name === "sort") continue;
    const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    kept.append(input);
  }
  form.elements.sort.value = parameters.get("sort") ?? "";
  document.title = `${parameters.get("q") || "Search"} · imaging-assets`;
}

function url() {
  const parameters = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim()) parameters.append(name, value.trim());
  }
  const query = parameters.toString();
  return query ? `/?${query}` : "/";
}

let pause = 0;
words.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => show(url(), { push: false }), 120);
});
form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(pause); show(url()); });
form.elements.sort.addEventListener("change", () => show(url()));
addEventListener("popstate", () => {
  words.value = new URLSearchParams(location.search).get("q") ?? "";
  show(location.href, { push: false });
});

results.addEventListener("click", (event) => {
  const unfold = event.target.closest(".unfold");
  if (unfold) {
    const open = unfold.closest(".facet").classList.toggle("unfolded");
    unfold.setAttribute("aria-expanded", String(open));
    unfold.textContent = open ? "fewer" : `${unfold.closest(".facet").querySelectorAll(".more").length} more`;
    return;
  }
  const link = event.target.closest("a.value, a.chip, a.reset, a.alike, .pager a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  follow(link);
});

function follow(link) {
  const paging = link.closest(".pager");
  words.value = new URL(link.href).searchParams.get("q") ?? "";
  show(link.href, { fragment: paging ? "grid" : "results" }).then(() => {
    if (paging || link.matches(".alike")) scrollTo({ top: 0 });
  });
}

function fold() {
  const facets = results.querySelector(".facets");
  if (facets) facets.open = !narrow.matches;
}
narrow.addEventListener("change", fold);
fold();

// --- a picture that is not in the set -----------------------------------------------------------------------------------

const picture = document.getElementById("picture");
const dropping = document.getElementById("dropping");

async function compare(file) {
  const body = new FormData();
  body.append("picture", file);
  results.classList.add("busy");
  try {
    const answer = await fetch("/similar", { method: "POST", body });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail);
    words.value = "";
    await show(said.url);
  } catch (error) {
    failure.textContent = error.message;
    failure.hidden = false;
  } finally {
    results.classList.remove("busy");
  }
}

picture.addEventListener("change", () => { if (picture.files.length) compare(picture.files[0]); picture.value = ""; });
picture.parentElement.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); picture.click(); } });
addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); dropping.hidden = false; } });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping.hidden = true; });
addEventListener("drop", (event) => {
  event.preventDefault();
  dropping.hidden = true;
  if (event.dataTransfer.files.length) compare(event.dataTransfer.files[0]);
});

// --- keys ---------------------------------------------------------------------------------------------------------------

const dialog = document.getElementById("keys");

addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || dialog.open) {
    if (event.key === "Escape" && event.target === words) words.blur();
    if (event.key === "ArrowDown" && event.target === words) { event.preventDefault(); results.querySelector(".tile")?.focus(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    "/": () => { words.focus(); words.select(); },
    "?": () => dialog.showModal(),
    "[": () => results.querySelector(".pager a[rel=prev]")?.click(),
    "]": () => results.querySelector(".pager a[rel=next]")?.click(),
    s: () => document.activeElement.closest("li")?.querySelector(".alike")?.click(),
    ArrowRight: () => move(1), ArrowLeft: () => move(-1), ArrowDown: () => move(columns()), ArrowUp: () => move(-columns()),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

function tiles() { return [...results.querySelectorAll(".tile")]; }

function columns() {
  const all = tiles();
  const top = all[0]?.getBoundingClientRect().top;
  const second = all.findIndex((tile) => tile.getBoundingClientRect().top > top + 5);
  return second > 0 ? second : all.length;
}

function move(by) {
  const all = tiles();
  const here = all.indexOf(document.activeElement);
  all[here < 0 ? 0 : Math.min(all.length - 1, Math.max(0, here + by))]?.focus();
}
