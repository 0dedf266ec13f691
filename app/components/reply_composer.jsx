// Where a person answers. What is typed stays in this browser until the server has it: a draft survives a reload, and a
// reply that is sent twice with the same key is sent once.
import { useEffect, useId, useRef, useState } from "react";
import { Link } from "react-router";

import { countSegments } from "./sms_segments.js";

const LONGEST = 20_000;
const PATIENCE_MS = 12_000;
const UNSURE = "The server has not answered yet. Your text is kept; sending it again does not send it twice.";
const EMPTY = { text: "", attempt: null };

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const placeOf = (conversation) => `reply-draft-${conversation}`;

function stored(conversation) {
  try {
    const found = JSON.parse(sessionStorage.getItem(placeOf(conversation)) ?? "null");
    return typeof found?.text === "string" ? { text: found.text, attempt: found.attempt ?? null } : EMPTY;
  } catch (unreadable) {
    return EMPTY;
  }
}

function store(conversation, draft) {
  try {
    if (draft.text) sessionStorage.setItem(placeOf(conversation), JSON.stringify(draft));
    else sessionStorage.removeItem(placeOf(conversation));
  } catch (full) {
    // Without storage a draft lives as long as the page.
  }
}

function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function lengthWords(text, channel, limit) {
  const characters = Array.from(text).length;
  const parts = limit && text.trim().length > limit ? ` · goes out as ${Math.ceil(text.trim().length / limit)} messages` : "";
  if (channel === "sms") {
    const { alphabet, length, segments, room } = countSegments(text.trim());
    const why = alphabet === "Unicode" ? " · has characters beyond the GSM alphabet, so fewer fit" : "";
    return `${length} of ${room} · ${counted(segments, "segment")}${why}${parts}`;
  }
  return characters > LONGEST * 0.8 || parts ? `${characters} of ${LONGEST}${parts}` : "";
}

export function ReplyComposer(props) {
  // Another conversation is another draft: nothing of one may end up in the other.
  return props.conversation ? <Draft key={props.conversation} {...props} /> : null;
}

function Draft({ conversation, contact, agent, channel, label, route, blocked, repair, repairPath, messageLimit, answered, onSend }) {
  const id = useId();
  const box = useRef(null);
  const [draft, setDraft] = useState(() => stored(conversation));
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState("");
  const change = (next) => {
    setDraft(next);
    store(conversation, next);
  };

  useEffect(() => {
    if (!draft.attempt || answered.key !== draft.attempt.key) return;
    setSending(false);
    setProblem(answered.problem);
    if (answered.problem) {
      box.current?.focus();
      return;
    }
    setSaid("Your reply is on its way.");
    // What was typed while it was being sent stays.
    change({ text: draft.text === draft.attempt.text ? "" : draft.text, attempt: null });
  }, [answered.serial]);

  useEffect(() => {
    if (!sending) return undefined;
    const timer = setTimeout(() => {
      setSending(false);
      setProblem(UNSURE);
    }, PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [sending]);

  const send = () => {
    if (blocked || sending) return;
    if (!draft.text.trim()) {
      setProblem("Write something first.");
      box.current?.focus();
      return;
    }
    // The same words are the same reply; changed words are another one.
    const key = draft.attempt?.text === draft.text ? draft.attempt.key : newKey();
    change({ text: draft.text, attempt: { key, text: draft.text } });
    setProblem("");
    setSaid("");
    setSending(true);
    onSend(conversation, draft.text, key);
  };

  if (blocked) {
    return (
      <div className="composer blocked">
        <p>
          {blocked} {repair ? <Link to={repairPath} className="link">{repair}</Link> : null}
        </p>
      </div>
    );
  }
  const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
  return (
    <form
      className="composer"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="composer-head">
        <label htmlFor={`${id}-text`}>{label}</label>
        <span id={`${id}-route`}>{route}</span>
      </div>
      <textarea
        id={`${id}-text`}
        ref={box}
        rows={2}
        className="input"
        maxLength={LONGEST}
        value={draft.text}
        readOnly={sending}
        placeholder={`Write to ${contact}…`}
        aria-describedby={`${id}-route ${id}-problem`}
        aria-invalid={problem ? true : undefined}
        onChange={(event) => {
          setSaid("");
          change({ ...draft, text: event.target.value });
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.nativeEvent.isComposing) {
            event.preventDefault();
            send();
          }
        }}
      />
      <p id={`${id}-problem`} role="alert" className="error-text" hidden={!problem}>
        {problem}
      </p>
      <div className="composer-foot">
        <span className="num">{lengthWords(draft.text, channel, messageLimit)}</span>
        <span role="status">{said}</span>
        <kbd title={`${agent} falls silent here once you have sent`}>{isMac ? "⌘" : "Ctrl"} + Enter</kbd>
        <button type="submit" className="btn primary" aria-disabled={sending || undefined}>
          {sending ? "Sending…" : "Send"}
        </button>
      </div>
    </form>
  );
}
