// Keeps [data-refresh] parts fresh while the page is looked at. Without it the pages work all the same.
"use strict";
const REFRESH_MS = 2000;

async function refresh(part) {
  const answer = await fetch(part.dataset.refresh, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok || answer.redirected) return;
  const text = await answer.text();
  if (text !== part.dataset.seen) {
    part.dataset.seen = text;
    part.innerHTML = text;
    localTimes(part);
  }
}

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.textContent = at.toLocaleString();
  }
}

localTimes(document);
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => { if (!document.hidden) refresh(part).catch(() => {}); }, REFRESH_MS);
}
