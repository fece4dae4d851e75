// Keeps the page as the daemon has it, and lends it a keyboard. Without this
// script everything can be read and done; the page then loads itself again.

const quiet = 15000; // ms after which what is shown as a time span is asked for again

// Sync makes the node a what the node b is, and keeps what a human did to it:
// focus, what is half typed, what is unfolded, where it was scrolled to.
function sync(a, b) {
  if (a.nodeType !== Node.ELEMENT_NODE) {
    if (a.data !== b.data) a.data = b.data;
    return;
  }
  for (const { name } of [...a.attributes]) {
    if (!b.hasAttribute(name) && !kept(a, name)) a.removeAttribute(name);
  }
  for (const { name, value } of b.attributes) {
    if (a.getAttribute(name) !== value && !kept(a, name)) a.setAttribute(name, value);
  }
  let at = a.firstChild;
  for (const child of [...b.childNodes]) {
    const same = child.id ? [...a.children].find((c) => c.id === child.id) : alike(at, child) ? at : null;
    if (!same) {
      a.insertBefore(child.cloneNode(true), at);
      continue;
    }
    if (same !== at) a.insertBefore(same, at);
    else at = at.nextSibling;
    sync(same, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(a, b) {
  return a && a.nodeName === b.nodeName && !a.id && a.getAttribute?.("action") === b.getAttribute?.("action");
}

function kept(element, attribute) {
  return element.nodeName === "DETAILS" && attribute === "open";
}

let asking = false;
let again = false;
let soonest = 0; // not before this time

// Look asks for the page again. What takes the daemon long is asked for less often.
async function look() {
  const begun = performance.now();
  if (asking || document.hidden || begun < soonest) {
    if (!again && !document.hidden) setTimeout(() => { again = false; look(); }, Math.max(soonest - begun, 200));
    again = true;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    sync(document.querySelector("main"), page.querySelector("main"));
    document.title = page.title;
    say("live");
  } catch {
    say("lost");
  }
  asking = false;
  soonest = performance.now() + Math.max(500, 5 * (performance.now() - begun));
}

function say(how) {
  const mark = document.getElementById("live");
  if (mark.dataset.state === how) return;
  mark.dataset.state = how;
  mark.textContent = how === "live" ? "live" : "not connected: this may be old";
}

let events = null;

function listen() {
  if (document.hidden) { // a browser has few connections, and all tabs share them
    events?.close();
    events = null;
    return;
  }
  if (events) return;
  events = new EventSource("/live");
  events.onmessage = look;
  events.onopen = look;
  events.onerror = () => {
    if (events?.readyState === EventSource.CLOSED) events = null; // refused: it is tried again with the next look
  };
}

// The page about what is going on is live, and one that a human filled in is not.
if (document.body.dataset.live) {
  document.addEventListener("visibilitychange", listen);
  listen();
  setInterval(() => { listen(); look(); }, quiet);
}

// Keys.
const places = { n: "/", p: "/policies", h: "/history", a: "/automation" };
let going = false;

function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[to].focus();
  all[to].scrollIntoView({ block: "nearest" });
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
  u: () => { location.href = document.querySelector(".crumb a")?.href ?? "/"; },
};

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.target.closest("input, select, textarea")) {
    if (e.key === "Escape") e.target.blur();
    return;
  }
  const place = going && places[e.key];
  going = e.key === "g";
  if (place) {
    location.href = place;
  } else if (keys[e.key]) {
    e.preventDefault();
    keys[e.key]();
  }
});

document.getElementById("keys").querySelector("button").addEventListener("click", (e) => e.target.closest("dialog").close());
