// The view on which one moves meetings in people's Google calendars, and lets things go wrong with them.

import { $, ask, chip, element, options } from "./dom.js";

const MISHAPS = [
  ["Lose the next notification", "google/notifications", () => ({ drop: 1 }), "The next change will not be told."],
  ["Double the next notification", "google/notifications", () => ({ double: 1 }), "The next change will be told twice."],
  ["Lose all sync tokens", "google/sync-tokens/lose", (calendar) => ({ calendar }), "The next sync is answered with 410: a full sync is required."],
  ["Expire the access token", "google/access", (_, account) => ({ harm: "expire", account }), "The access token has ended; the refresh token works."],
  ["Remove Patchbay's access", "google/access", (_, account) => ({ harm: "revoke", account }), "The person has removed Patchbay in their Google Account."],
];

let drawn = "";

const calendarsOf = (world) => world.google.accounts.flatMap((account) => account.calendars.map((calendar) => ({ ...calendar, account })));

const chosen = (world) => calendarsOf(world).find((calendar) => calendar.id === $("calendar").value) ?? calendarsOf(world)[0];

async function run(path, body, done) {
  $("meetings-problem").textContent = $("meetings-said").textContent = "";
  try {
    const answer = await ask(path, body);
    const told = answer.event_ids ? (answer.event_ids.length ? " Patchbay is told." : " Nobody is told of it.") : "";
    $("meetings-said").textContent = `${done}${told}`;
    return true;
  } catch (problem) {
    $("meetings-problem").textContent = problem.message;
    return false;
  }
}

const timeOf = (event) => event.start.includes("T") ? `${event.start.slice(11)}–${event.end.slice(11)}` : "All day";
const dayOf = (day) => new Date(`${day}T12:00`).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });

function drawMeeting(calendar, event) {
  const where = { calendar: calendar.id, event: event.id };
  const isDay = !event.start.includes("T");
  const button = (label, work) => element("button", { class: "btn", type: "button", "aria-label": `${label}: ${event.summary}`, onclick: work }, label);
  const by = isDay ? 1440 : 30;
  const span = isDay ? "day" : "30 min";
  const to = element("input", { type: isDay ? "date" : "datetime-local", value: event.start, required: true });
  const notes = [event.series ? "repeats" : "", event.guests ? `${event.guests} ${event.guests === 1 ? "guest" : "guests"}` : "", event.meet ? "Meet" : ""].filter(Boolean).join(" · ");
  return element("li", { class: "meeting", "data-id": event.id },
    element("div", { class: "head" }, element("time", { datetime: event.start }, timeOf(event)),
      element("div", {}, element("h3", {}, event.summary || "(no title)"), element("p", { class: "hint" }, notes))),
    element("div", { class: "acts" },
      button(`${span} earlier`, () => run("google/event/move", { ...where, minutes: -by }, "Moved.")),
      button(`${span} later`, () => run("google/event/move", { ...where, minutes: by }, "Moved.")),
      button("Cancel", () => run("google/event/cancel", where, "Cancelled.")),
      event.series ? button("Delete series", () => run("google/event/delete", where, "Deleted.")) : ""),
    element("details", {}, element("summary", {}, "Move to…"),
      element("form", { class: "row", onsubmit: (submitted) => { submitted.preventDefault(); to.blur(); run("google/event/move", { ...where, start: to.value }, "Moved."); } },
        element("label", {}, "New start", to), element("button", { class: "btn", type: "submit" }, "Move"))));
}

export function drawMeetings(world) {
  const all = calendarsOf(world);
  options($("calendar"), all.map((item) => [item.id, item.id === item.account.email ? `${item.account.name} (${item.id})` : item.summary]));
  const calendar = chosen(world);
  const list = $("meetings-list");
  const state = JSON.stringify(calendar);
  const isEditing = list.contains(document.activeElement) && document.activeElement.tagName === "INPUT" && drawn.startsWith(calendar.id);
  if (drawn === calendar.id + state || isEditing) return;
  drawn = calendar.id + state;
  $("calendar-note").textContent = `Times are those of ${calendar.time_zone}.`;
  $("calendar-told").replaceChildren(chip(calendar.channels.length, "Patchbay is told of changes", "Nobody is told of changes yet"));
  const days = new Map();
  for (const event of calendar.events) days.set(event.start.slice(0, 10), [...(days.get(event.start.slice(0, 10)) || []), event]);
  const focused = document.activeElement?.getAttribute("aria-label");
  list.replaceChildren(...(days.size
    ? [...days].map(([day, events]) => element("section", { class: "card" }, element("h2", {}, dayOf(day)), element("ul", {}, ...events.map((event) => drawMeeting(calendar, event)))))
    : [element("p", { class: "hint" }, "No meetings from yesterday on, for two weeks. Add one above.")]));
  if (focused) [...list.querySelectorAll("button")].find((item) => item.getAttribute("aria-label") === focused)?.focus();
}

export function readyMeetings(current) {
  $("calendar").onchange = () => { $("meetings-said").textContent = ""; drawMeetings(current()); };
  $("mishaps").replaceChildren(...MISHAPS.map(([label, path, body, done]) => element("button", {
    class: "btn", type: "button",
    onclick: () => { const calendar = chosen(current()); run(path, body(calendar.id, calendar.account.email), done); },
  }, label)));
  $("add-meeting").onsubmit = async (event) => {
    event.preventDefault();
    const body = { calendar: chosen(current()).id, summary: $("meeting-title").value.trim(), start: $("meeting-start").value, minutes: Number($("meeting-minutes").value) };
    if (await run("google/event/add", body, "Added.")) $("meeting-title").value = "";
  };
}
