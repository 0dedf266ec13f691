// What the sandbox's pages share: elements made by hand, the control API, and the cards with what to paste.

export const $ = (id) => document.getElementById(id);
const verdicts = new Map();

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "onsubmit") made[name] = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export async function ask(path, body) {
  const response = await fetch(`/control/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "x-sandbox": "1" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export async function act(work) {
  $("problem").textContent = "";
  try { await work(); return true; } catch (problem) { $("problem").textContent = problem.message; return false; }
}

export function clock(at) {
  const moment = new Date(at * 1000);
  const text = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return element("time", { datetime: moment.toISOString() }, text);
}

// What came of a contact's message, and the button that has its webhook sent once more.
export function arrival(item) {
  const bad = /did not|answered|nobody|undelivered|failed/.test(item.status);
  return [
    item.status ? element("span", { class: bad ? "bad" : "" }, item.status) : "",
    item.event ? element("button", { class: "link", type: "button", title: "Send the same webhook once more, as providers sometimes do", onclick: () => act(() => ask("deliver-again", { event: item.event })) }, "Deliver again") : "",
  ];
}

export function options(select, items, value) {
  const wanted = JSON.stringify(items);
  if (select.dataset.items === wanted) return;
  const kept = value ?? select.value;
  select.replaceChildren(...items.map(([key, name]) => element("option", { value: key }, name)));
  if (items.some(([key]) => key === kept)) select.value = kept;
  select.dataset.items = wanted;
}

export function fact(name, value) {
  const copy = element("button", { class: "btn", type: "button", "aria-label": `Copy ${name}`, onclick: async () => {
    await navigator.clipboard.writeText(value);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return element("div", { class: "fact" }, element("span", {}, name), element("code", {}, value), copy);
}

export const chip = (good, yes, no) => element("span", { class: `chip ${good ? "ok" : "soon"}` }, good ? yes : no);

// A field into which the address of a Patchbay webhook is pasted; `save` sends it, and its complaint is shown.
export function addressForm({ id, label, url, placeholder, button, waiting, saved, save }) {
  const input = element("input", { type: "url", name: "url", required: true, value: url, placeholder, id: `url-${id}` });
  const said = element("p", { role: "status", id: `said-${id}` });
  const show = (shown) => {
    const [kind, text] = verdicts.get(id) ?? ["", ""];
    shown.className = `said ${kind}`;
    shown.textContent = text;
  };
  // The cards may have been drawn anew in the meantime.
  const say = (kind, text) => { verdicts.set(id, [kind, text]); show($(`said-${id}`)); };
  show(said);
  return element("form", { onsubmit: async (event) => {
    event.preventDefault();
    say("", waiting);
    try {
      await save(input.value.trim());
      say("good", saved);
    } catch (problem) {
      say("bad", `Not saved. ${problem.message}`);
    }
  } },
  element("div", { class: "row" },
    element("label", { for: `url-${id}` }, label, input),
    element("button", { class: "btn", type: "submit" }, button)), said);
}
