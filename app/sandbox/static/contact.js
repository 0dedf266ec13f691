// The page on which one plays the contact. Reads /control/state and /control/threads; text goes in as text only.

import { $, act, addressForm, arrival, ask, chip, clock, element, fact, options } from "./dom.js";
import { drawMeetings, readyMeetings } from "./calendar.js";
import { clearMailFields, drawMail, drawMailFields, mailPlaces, resendCards } from "./mail.js";

const seen = new Map();
let world = null;
let threads = {};
let version = -1;
let current = "";
let replyTo = "";
let drawn = "";

const initials = (name) => name.replace(/^#/, "").split(/[\s-]+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();

// A place: where it is listed, what it is called, which threads it shows, and how a message is sent from it.
function placesOf(world) {
  const places = [];
  for (const team of world.workspaces) {
    for (const app of team.apps) {
      if (!app.events_url) continue;
      const group = `Slack · ${team.name}${team.apps.filter((item) => item.events_url).length > 1 ? ` · ${app.name}` : ""}`;
      const where = { team: team.id, app: app.id };
      for (const user of team.users) {
        places.push({
          key: `dm/${team.id}/${app.id}/${user.id}`, group, kind: "dm", name: user.name, note: `Direct message to ${app.name}`,
          threads: [`slack/${team.id}/${app.dms[user.id]}`], team, app, agent: app.name,
          send: (text) => ask("slack/message", { ...where, user: user.id, dm: true, text }),
        });
      }
      for (const channel of team.channels) {
        if (!channel.members.includes(app.bot_user_id)) continue;
        places.push({
          key: `channel/${team.id}/${app.id}/${channel.id}`, group, kind: "channel", name: `#${channel.name}`,
          note: "Channel; the agent answers when mentioned", threads: [`slack/${team.id}/${channel.id}`], team, app, agent: app.name,
          people: team.users,
          send: (text, options) => ask("slack/message", { ...where, user: options.as, channel: channel.id, text, mention: options.mention, thread_ts: replyTo }),
        });
      }
    }
  }
  const numbers = world.twilio.flatMap((account) => account.numbers.map((number) => ({ ...number, account })));
  for (const phone of world.phones) {
    places.push({
      key: `sms/${phone.number}`, group: "Text messages", kind: "sms", name: phone.name, note: phone.number,
      threads: numbers.map((number) => `sms/${phone.number}/${number.number}`), numbers, phone, agent: "Agent",
      send: (text, options) => ask("twilio/sms", { from: phone.number, to: options.to, body: text }),
    });
  }
  return [...places, ...mailPlaces(world, { replyTo: () => replyTo })];
}

const messagesOf = (place) => place.threads.flatMap((key) => (threads[key] || []).map((item) => ({ ...item, key }))).sort((a, b) => a.at - b.at);

// In a channel, replies stand under the message they answer.
function inThreadOrder(messages) {
  const roots = messages.filter((item) => !item.thread || item.thread === item.id);
  return roots.flatMap((root) => [root, ...messages.filter((item) => item.thread === root.id && item !== root)]);
}

function drawPlaces(places) {
  const groups = new Map();
  for (const place of places) groups.set(place.group, [...(groups.get(place.group) || []), place]);
  if (!places.some((place) => place.team)) {
    groups.set("Slack", []);
  }
  const sections = [...groups].map(([name, members]) => element("section", {},
    element("h2", {}, name),
    members.length ? element("ul", {}, ...members.map(drawPlace)) : element("p", { class: "hint" }, "No agent is in Slack yet. Connect Slack in Patchbay and it appears here."),
  ));
  const focused = document.activeElement?.dataset?.key;
  $("places").replaceChildren(...sections);
  if (focused) [...document.querySelectorAll(".place")].find((item) => item.dataset.key === focused)?.focus();
}

function drawPlace(place) {
  const messages = messagesOf(place);
  const answers = messages.filter((item) => item.is_agent || item.is_notice);
  if (place.key === current) seen.set(place.key, answers.length);
  const unread = answers.length - (seen.get(place.key) ?? 0);
  const last = messages.at(-1);
  return element("li", {}, element("button", {
    type: "button", class: "place", "data-key": place.key, "aria-current": place.key === current ? "true" : null,
    onclick: () => { location.hash = `talk/${place.key}`; },
  },
  element("span", { class: "who", "aria-hidden": "true" }, place.kind === "channel" ? "#" : initials(place.name)),
  element("span", {}, element("b", {}, place.name), element("small", {}, last ? last.subject ?? last.text : place.note)),
  unread > 0 ? element("span", { class: "fresh", role: "img", "aria-label": `${unread} new` }, String(unread)) : ""));
}

function drawMessage(place, item, isNew) {
  if (place.kind === "mail") return drawMail(item, isNew, reply);
  const person = place.team?.users.find((user) => user.id === item.from)?.name ?? place.phone?.name ?? item.from;
  const mention = place.app ? new RegExp(`<@${place.app.bot_user_id}>`, "g") : null;
  const text = mention ? item.text.replace(mention, `@${place.agent}`) : item.text;
  const number = place.kind === "sms" && place.numbers.length > 1 ? item.key.split("/")[2] : "";
  const meta = [
    element("span", {}, item.is_notice ? "The network" : item.is_agent ? place.agent : person),
    clock(item.at),
    number ? element("span", {}, item.is_agent || item.is_notice ? `from ${number}` : `to ${number}`) : "",
    ...arrival(item),
    place.kind === "channel" && !item.thread ? element("button", { class: "link", type: "button", onclick: () => reply(item.id) }, "Reply in thread") : "",
  ];
  const kind = `msg${item.is_agent ? " agent" : ""}${item.is_notice ? " notice" : ""}${item.thread && item.thread !== item.id ? " threaded" : ""}${isNew ? " new" : ""}`;
  return element("article", { class: kind, "data-id": item.id }, element("div", { class: "bubble" }, text), element("div", { class: "meta" }, ...meta));
}

function drawChat(place) {
  const log = $("log");
  const messages = place ? inThreadOrder(messagesOf(place)) : [];
  const state = JSON.stringify([current, messages]);
  if (state === drawn) return;
  const known = new Set([...log.children].map((child) => child.dataset.id));
  const samePlace = drawn.startsWith(JSON.stringify([current]).slice(0, -1));
  const atBottom = !samePlace || log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  drawn = state;
  if (!place) { log.replaceChildren(); return; }
  log.replaceChildren(...(messages.length
    ? messages.map((item) => drawMessage(place, item, samePlace && !known.has(item.id)))
    : [element("div", { class: "empty" }, element("h3", {}, "Nothing was said here yet"), element("p", { class: "hint" }, "Write something below. The answer arrives here by itself."))]));
  if (atBottom) log.scrollTop = log.scrollHeight;
}

function drawComposer(place) {
  $("write").hidden = !place;
  $("as-field").hidden = place?.kind !== "channel";
  $("mention-field").hidden = place?.kind !== "channel";
  $("to-field").hidden = place?.kind !== "sms";
  const replied = place && replyTo ? messagesOf(place).find((item) => item.id === replyTo) : null;
  $("replying").hidden = !replied;
  $("replying-to").textContent = place?.kind === "mail" ? `Replying to “${replied?.subject}”` : "Replying in a thread";
  $("unreply").textContent = place?.kind === "mail" ? "Write a new mail instead" : "Write to the channel instead";
  drawMailFields(place, replied);
  $("place-name").textContent = place ? (place.kind === "channel" ? place.name : `You are ${place.name}`) : "Pick a place to write";
  $("place-note").textContent = place ? place.note : "On the left: direct messages, channels, phones and mailboxes.";
  if (place?.people) options($("as"), place.people.map((user) => [user.id, user.name]));
  if (place?.numbers) {
    options($("to"), place.numbers.map((number) => [number.number, `${number.number} · ${number.account.name}`]));
    const chosen = place.numbers.find((number) => number.number === $("to").value);
    $("place-note").textContent = `${place.note} → ${chosen.number}${chosen.sms_url ? "" : ", which is not assigned to an agent yet"}`;
  }
  countText(place);
}

function countText(place) {
  $("count").textContent = place?.kind === "sms" ? `${$("text").value.length} / 160` : "";
}

const here = () => placesOf(world).find((place) => place.key === current);

function reply(id) {
  replyTo = id;
  drawComposer(here());
  $("text").focus();
}

function drawKeys() {
  const keys = $("keys");
  const state = JSON.stringify([world.apps, world.twilio, world.resend]);
  if (keys.dataset.state === state || keys.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
  keys.dataset.state = state;
  const cards = [
    ...world.twilio.map((account) => element("section", { class: "card" },
      element("div", { class: "head" }, element("h2", {}, `Twilio · ${account.name}`), chip(account.numbers.some((number) => number.sms_url), "A number is assigned", "No number is assigned yet")),
      fact("Account SID", account.sid), fact("Auth token", account.auth_token),
      ...account.numbers.map((number) => fact(number.sms_url ? "Number, assigned" : "Number", number.number)))),
    ...resendCards(world),
    ...world.apps.filter((app) => app.is_own).map((app) => element("section", { class: "card" },
      element("div", { class: "head" }, element("h2", {}, `Slack, an app of one's own · ${app.name}`), chip(app.events_url, "Events go to Patchbay", "Events go nowhere yet")),
      fact("Bot token", app.bot_token), fact("Signing secret", app.signing_secret), eventsForm(app))),
  ];
  keys.replaceChildren(...cards);
  keys.style.cssText = "display:grid;gap:18px";
}

const eventsForm = (app) => addressForm({
  id: app.id, label: "Events address (from the connection's card in Patchbay)", url: app.events_url, button: "Verify and save",
  placeholder: "http://127.0.0.1:8000/api/ai-agents/webhooks/slack/…/events", waiting: "Sending the challenge…",
  saved: "Verified. Slack now sends events there.", save: (url) => ask("slack/events-url", { app: app.id, url }),
});

const VIEWS = ["talk", "meetings", "paste"];

function show() {
  const [view, ...rest] = decodeURIComponent(location.hash.slice(1) || "talk").split("/");
  const shown = VIEWS.includes(view) ? view : "talk";
  for (const name of VIEWS) {
    $(name).hidden = name !== shown;
    $(`to-${name}`).toggleAttribute("aria-current", name === shown);
  }
  const key = rest.join("/");
  if (shown === "talk" && key !== current) { current = key; replyTo = ""; $("problem").textContent = ""; }
  if (world) draw();
}

function draw() {
  const places = placesOf(world);
  const place = places.find((item) => item.key === current);
  $("talk").classList.toggle("open", Boolean(place));
  drawPlaces(places);
  drawComposer(place);
  drawChat(place);
  drawMeetings(world);
  drawKeys();
}

$("write").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  const sent = await act(() => here().send(text, { as: $("as").value, to: $("to").value, mention: $("mention").checked }));
  if (sent) {
    if (here().kind === "mail") { replyTo = ""; clearMailFields(); drawComposer(here()); }
    $("text").value = "";
    $("text").focus();
    countText(here());
  }
};
$("text").onkeydown = (event) => {
  // A mail has lines of its own.
  const sends = here()?.kind === "mail" ? event.ctrlKey || event.metaKey : !event.shiftKey;
  if (event.key === "Enter" && sends && !event.isComposing) { event.preventDefault(); $("write").requestSubmit(); }
};
$("text").oninput = () => countText(here());
$("to").onchange = () => drawComposer(here());
$("unreply").onclick = () => { replyTo = ""; drawComposer(here()); };
$("back").onclick = () => { location.hash = "talk"; };
readyMeetings(() => world);
window.onhashchange = show;

async function follow() {
  for (;;) {
    try {
      const answer = await ask(`threads?after=${Math.max(version, 0)}&wait=${version < 0 ? 0 : 2}`);
      if (answer.version !== version) {
        ({ version, threads } = answer);
        world = await ask("state");
        show();
      }
    } catch {
      version = -1;
      $("place-note").textContent = "The sandbox does not answer. Is it running? This page tries again by itself.";
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}
follow();
