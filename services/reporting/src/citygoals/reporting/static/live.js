// Keeps a page as new as the city: each position announced by /v1/live makes the browser ask for this same page again and
// swap, in one task, every part that changed. So a KPI and all that rolls up from it are always of one position, the
// server stays the only one that writes numbers, and without this script the page is simply as old as its loading.

const GAP_MS = 1000; // at most one page a second, however many positions there are
const JITTER_MS = 250; // a thousand readers should not ask in the same millisecond
const NEWS_MS = 8000; // a screen reader is told at most this often
const RETRY_MS = 5000;
const CHANGED_MS = 2500;
const NEWS_NAMED = 2; // so many changes are named, the rest are counted
const PAUSED_KEY = "city-goals-paused";
const STATE_ICONS = { live: "i-pulse", paused: "i-pause", reconnecting: "i-again" };

const bar = document.querySelector("[data-live-bar]");
const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
const written = (root) => new Map([...parts(root)].map(([key, part]) => [key, part.outerHTML]));

let shown = written(document); // as the server wrote it: what a reader opened since then is no change
let source = null;
let wanted = 0;
let asking = false;
let lastAsked = 0;
let timer = 0;
let news = new Map();
let newsTimer = 0;

function say(state) {
  const line = bar.querySelector("[data-live-state]");
  line.dataset.liveState = state;
  line.querySelector("[data-live-word]").textContent = bar.dataset[state];
  line.querySelector("use").setAttribute("href", `#${STATE_ICONS[state]}`);
  bar.querySelector("[data-live-pause]").textContent = state === "paused" ? bar.dataset.resume : bar.dataset.pause;
}

const isPaused = () => sessionStorage.getItem(PAUSED_KEY) === "yes";

function connect() {
  if (source || isPaused() || document.hidden) return;
  source = new EventSource("/v1/live");
  source.onopen = () => { say("live"); want(0); };
  source.addEventListener("changeset", (event) => want(Number(event.lastEventId)));
  source.addEventListener("reload", () => want(0));
  source.onerror = () => {
    say("reconnecting");
    if (source && source.readyState === EventSource.CLOSED) {
      disconnect();
      setTimeout(connect, RETRY_MS);
    }
  };
}

function disconnect() {
  source?.close();
  source = null;
}

function want(position) {
  wanted = Math.max(wanted, position);
  if (timer || asking) return;
  const wait = Math.max(0, lastAsked + GAP_MS - Date.now()) + Math.random() * JITTER_MS;
  timer = setTimeout(refresh, wait);
}

async function refresh() {
  timer = 0;
  asking = true;
  lastAsked = Date.now();
  let reached = wanted;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
    if (answer.ok && !isPaused()) {
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      swap(next);
      reached = Number(document.getElementById("main").dataset.position);
    }
  } catch {
    say("reconnecting"); // the stream tells when the server is back; its opening asks again
    reached = wanted;
  }
  asking = false;
  if (reached < wanted) want(wanted);
}

// Everything below happens between two paints: no reader sees one part new and another old.
function swap(next) {
  const now = parts(document);
  const then = parts(next);
  const after = written(next);
  if (now.size !== then.size || [...then.keys()].some((key) => !now.has(key))) replaceAll(next);
  else for (const [key, part] of then) if (shown.get(key) !== after.get(key)) replace(now.get(key), part);
  document.getElementById("main").dataset.position = next.getElementById("main").dataset.position;
  tell(then, after);
  shown = after;
}

function replace(old, fresh) {
  const keep = remember(old);
  fresh = document.adoptNode(fresh);
  if (old.tagName === "SUMMARY") { // a summary may hold the focus itself: it stays, what is in it goes
    old.replaceChildren(...fresh.childNodes);
    if (fresh.dataset.announce) old.dataset.announce = fresh.dataset.announce;
    mark(old);
  } else {
    old.replaceWith(fresh);
    recall(fresh, keep);
    mark(fresh);
  }
}

function mark(part) { // only what is worth telling is worth a glance
  if (part.dataset.announce === undefined) return;
  part.classList.add("changed");
  setTimeout(() => part.classList.remove("changed"), CHANGED_MS);
}

function replaceAll(next) { // another plan or catalogue: other parts than before
  const main = document.getElementById("main");
  const keep = remember(main);
  main.replaceChildren(...next.getElementById("main").childNodes);
  recall(main, keep);
}

const reachable = (root) => [...root.querySelectorAll("a[href], button, summary, select")];

function remember(root) {
  return { open: [...root.querySelectorAll("details[open][id]")].map((one) => one.id), focus: reachable(root).indexOf(document.activeElement) };
}

function recall(root, { open, focus }) {
  for (const id of open) root.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  if (focus >= 0) reachable(root)[focus]?.focus({ preventScroll: true });
}

function tell(then, after) {
  for (const [key, part] of then) {
    if (part.dataset.announce && shown.has(key) && shown.get(key) !== after.get(key)) news.set(key, part.dataset.announce);
  }
  if (news.size && !newsTimer) newsTimer = setTimeout(announce, NEWS_MS / 8);
}

function announce() {
  const kpisFirst = [...news].sort(([one], [other]) => other.startsWith("kpi-") - one.startsWith("kpi-"));
  const named = kpisFirst.slice(0, NEWS_NAMED).map(([, text]) => text);
  const rest = news.size - named.length;
  if (rest === 1) named.push(bar.dataset.moreOne);
  if (rest > 1) named.push(bar.dataset.more.replace("{n}", rest));
  if (!isPaused()) bar.querySelector("[data-live-news]").textContent = named.join("; ");
  news = new Map();
  newsTimer = setTimeout(() => { newsTimer = 0; if (news.size) announce(); }, NEWS_MS);
}

function pause() {
  const paused = !isPaused();
  sessionStorage.setItem(PAUSED_KEY, paused ? "yes" : "no");
  disconnect();
  if (paused) say("paused");
  else connect();
}

bar.querySelector("[data-live-news]").textContent = ""; // it said what to do without a script
bar.querySelector("[data-live-pause]").hidden = false;
bar.querySelector("[data-live-pause]").addEventListener("click", pause);
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
addEventListener("pagehide", disconnect);
addEventListener("pageshow", connect);
if (isPaused()) say("paused");
else connect();
