// The mail contacts: their mailboxes as places, a mail as it is read, and what can be odd about one that is written.

import { $, addressForm, arrival, ask, chip, clock, element, fact } from "./dom.js";

const HOW = { both: {}, text: { as_html: false }, html: { only_html: true } };
const addresses = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const FILE = { filename: "brief.txt", content_type: "text/plain" };

export function mailPlaces(world, { replyTo }) {
  return world.mailboxes.map((mailbox) => ({
    key: `mail/${mailbox.address}`, group: "E-mail", kind: "mail", name: mailbox.name || mailbox.address, note: mailbox.address,
    threads: [`mail/${mailbox.address}`], agent: "Agent", suggestions: suggestions(world),
    send: (text) => (replyTo() ? ask("mail/reply", reply(mailbox, replyTo(), text)) : ask("mail/write", write(mailbox, text))),
  }));
}

// Where an agent may be: one address of each domain that receives, as an example.
function suggestions(world) {
  return world.resend.flatMap((account) => account.domains.filter((domain) => domain.is_receiving).map((domain) => `agent@${domain.name}`));
}

function letter(text) {
  return {
    text,
    cc: addresses($("mail-cc").value),
    automatic: $("mail-automatic").value,
    attachments: $("mail-file").checked ? [FILE] : [],
    copies: $("mail-twice").checked ? 2 : 1,
    ...HOW[$("mail-format").value],
  };
}

const write = (mailbox, text) => ({
  ...letter(text), sender: $("mail-from").value.trim() || mailbox.address, to: addresses($("mail-to").value), subject: $("mail-subject").value.trim(),
});

const reply = (mailbox, mail, text) => ({
  ...letter(text), mailbox: mailbox.address, mail, sender: $("mail-from").value.trim(), subject: $("mail-subject").value.trim(),
  to_all: $("mail-all").checked, quotes: $("mail-quote").checked,
  keeps_in_reply_to: $("mail-in-reply-to").checked, keeps_references: $("mail-references").checked,
});

export function drawMailFields(place, replied) {
  $("mail-fields").hidden = place?.kind !== "mail";
  if (place?.kind !== "mail") return;
  $("mail-to-field").hidden = Boolean(replied);
  $("mail-reply-odd").hidden = !replied;
  $("mail-subject").placeholder = replied ? (/^\s*re\s*:/i.test(replied.subject) ? replied.subject : `Re: ${replied.subject}`) : "";
  $("mail-from").placeholder = place.note;
  if (!$("mail-to").value && document.activeElement !== $("mail-to")) $("mail-to").value = place.suggestions[0] ?? "";
  $("mail-addresses").replaceChildren(...place.suggestions.map((value) => element("option", { value })));
}

export function clearMailFields() {
  for (const id of ["mail-subject", "mail-cc", "mail-from"]) $(id).value = "";
}

export function drawMail(item, isNew, onReply) {
  const fields = Object.entries(item.headers).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  return element("article", { class: `msg mail${item.is_sent ? "" : " agent"}${isNew ? " new" : ""}`, "data-id": item.id },
    element("div", { class: "bubble" },
      element("h3", {}, item.subject || "(no subject)"),
      element("p", { class: "hint" }, `${item.from} → ${item.to.join(", ")}${item.cc.length ? `, Cc ${item.cc.join(", ")}` : ""}`),
      element("p", { class: "body" }, item.text || "(HTML only; see the source)"),
      item.attachments.length ? element("p", { class: "hint" }, `Files: ${item.attachments.join(", ")}`) : "",
      element("details", {}, element("summary", {}, "Header fields"), element("dl", {}, ...fields)),
      item.html ? element("details", {}, element("summary", {}, "HTML source"), element("pre", { tabindex: "0" }, item.html)) : ""),
    element("div", { class: "meta" }, clock(item.at), ...arrival(item),
      item.is_sent ? "" : element("button", { class: "link", type: "button", onclick: () => onReply(item.id) }, "Reply")));
}

export const resendCards = (world) => world.resend.map((account) => element("section", { class: "card" },
  element("div", { class: "head" }, element("h2", {}, `Resend · ${account.name}`), chip(account.listens, "Events go to Patchbay", "Events go nowhere yet")),
  fact("API key", account.api_key), fact("API key, sends only", account.sending_key), fact("Webhook signing secret", account.webhook_secret),
  ...account.domains.map((domain) => fact(`Domain, ${domain.status}`, domain.name)),
  addressForm({
    id: account.id, label: "Webhook endpoint (from the connection's card in Patchbay)", url: account.webhook_url, button: "Save endpoint",
    placeholder: "http://127.0.0.1:8000/api/ai-agents/webhooks/resend/…/events", waiting: "Saving…", saved: "Saved. Resend now sends events there.",
    save: (url) => ask("resend/webhook-url", { account: account.id, url }),
  })));
