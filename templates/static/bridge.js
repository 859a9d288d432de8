// Makes the pages livelier. Without it they work all the same: forms post, links lead on, reloading shows what is new.
"use strict";
const REFRESH_MS = 4000;
const MOST_ROWS = 200;

function localTime(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) return;
  const today = at.toDateString() === new Date().toDateString();
  time.textContent = at.toLocaleString(undefined, today
    ? { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }
    : { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  time.title = `${at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" })} (${time.dateTime})`;
}

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) localTime(time);
}

// --- Parts that keep themselves fresh while the page is looked at, and nobody is busy in them ---

const offline = document.getElementById("offline");

function sayOffline(text) {
  offline.textContent = text;
  offline.hidden = !text;
}

function busyIn(part) {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return selects || (part.contains(document.activeElement) && document.activeElement !== document.body);
}

function sayPaused(part, isPaused) {
  let note = part.previousElementSibling;
  if (!note || !note.classList.contains("paused")) {
    note = element("p", "", { class: "paused muted", role: "status" });
    part.before(note);
  }
  note.textContent = isPaused ? "Paused while you are busy here: there is news." : "";
}

async function refresh(part) {
  const answer = await fetch(part.dataset.refresh, { redirect: "manual" });
  if (answer.type === "opaqueredirect") return sayOffline("Your session has ended: reload the page to log in again.");
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const text = await answer.text();
  sayOffline("");
  const isPaused = text !== part.dataset.seen && busyIn(part);
  sayPaused(part, isPaused && Boolean(part.dataset.seen));
  if (text === part.dataset.seen || isPaused) return;
  part.dataset.seen = text;
  part.innerHTML = text;
  localTimes(part);
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  const since = new Date();
  setInterval(() => {
    if (document.hidden) return;
    refresh(part).then(() => since.setTime(Date.now()), () => {
      sayOffline(`The daemon does not answer; this is how things stood at ${since.toLocaleTimeString()}.`);
    });
  }, REFRESH_MS);
}

// --- Forms ---

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) event.preventDefault();
  if (button.dataset.tick) {
    const boxes = [...document.querySelectorAll(`input[type=checkbox][form="${button.dataset.tick}"]`)];
    const tick = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = tick;
  }
});

// Times that people type are meant by their own clock, unless they say another.
for (const field of document.querySelectorAll("input[data-zone]")) {
  if (!field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}

// --- Messages as they come ---

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function cell(label, name, ...parts) {
  const made = element("td", "", { "data-label": label, class: name });
  made.append(...parts);
  return made;
}

function messageRow(message) {
  const row = element("tr", "", { class: "new" });
  const time = element("time", message.published, { datetime: message.published });
  localTime(time);
  const short = message.topic.replace("projects/", "").replace("/topics/", "/");
  const link = element("a", `${short}:${message.offset}`, {
    href: `/messages/why?message=${encodeURIComponent(`${message.topic}:${message.offset}`)}`,
  });
  const color = { matched: "delivered", undecided: "waiting" }[message.fate] || "";
  const decisions = message.decisions.map((one) => {
    const line = element("div", `${one.rule} `);
    line.append(element("span", `${one.outcome} ${one.by}${one.destination ? ` → ${one.destination}` : ""}`, { class: "muted" }));
    return line;
  });
  row.append(
    cell("Published", "when", time), cell("Message", "when", link),
    cell("Fate", "", element("span", message.fate, { class: `state ${color}` })),
    cell("Rules", "", ...(decisions.length ? decisions : [element("span", "—", { class: "muted" })])),
    cell("Data", "cut", element("code", message.data.slice(0, 300))),
  );
  row.lastChild.dir = "auto";
  return row;
}

function follow(button) {
  const table = document.getElementById("messages");
  let stream = null;
  button.hidden = false;
  button.addEventListener("click", () => {
    if (stream) stream.close();
    stream = stream ? null : new EventSource(button.dataset.tail);
    button.setAttribute("aria-pressed", String(Boolean(stream)));
    button.textContent = stream ? "Following …" : "Follow live";
    if (!stream) return;
    stream.onopen = () => {
      button.textContent = "Following live";
      sayOffline("");
    };
    stream.onerror = () => sayOffline("The live messages have stopped; trying again …");
    stream.onmessage = (event) => {
      table.hidden = false;
      document.getElementById("nothing")?.remove();
      table.tBodies[0].prepend(messageRow(JSON.parse(event.data)));
      while (table.tBodies[0].rows.length > MOST_ROWS) table.tBodies[0].lastElementChild.remove();
    };
  });
}

localTimes(document);
document.querySelectorAll("button[data-tail]").forEach(follow);
document.querySelectorAll("button[data-tick]").forEach((button) => { button.hidden = false; });
