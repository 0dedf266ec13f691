// The thread: day separators and times in the viewer's zone. Stays at the bottom unless one scrolled up, and then
// says how many messages came in. What was searched for is marked, and the latest place where it was said comes first.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { Link } from "react-router";

import { ApprovalItem } from "./approval.jsx";
import { LetterBody, LetterHead } from "./letter.jsx";
import { exact, parseTime } from "./time_ago.jsx";

const NEAR = 48;

function dayName(time) {
  const start = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
  const days = Math.round((start(new Date()) - start(time)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return time.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

function Words({ message, empty = "" }) {
  if (!message.parts.length) return message.text || empty;
  return message.parts.map((part, index) =>
    part.is_match ? <mark key={index}>{part.text}</mark> : <span key={index}>{part.text}</span>,
  );
}

function Bubble({ message, fresh }) {
  const time = parseTime(message.at);
  const letter = message.letter;
  const classes = ["msg", message.outbound ? "out" : "", message.by_person ? "human" : "", message.failed ? "failed" : ""];
  if (letter) classes.push("mail");
  return (
    <li className={[...classes, fresh ? "fresh" : ""].filter(Boolean).join(" ")} data-message={message.id} data-found={message.parts.length > 0 || undefined}>
      <div className="b">
        <span className="sr-only">{message.author}: </span>
        {letter ? <LetterHead letter={letter} /> : null}
        {letter ? (
          <div className="words">
            <Words message={message} empty="(no text)" />
          </div>
        ) : (
          <Words message={message} />
        )}
        {letter ? <LetterBody letter={letter} id={message.id} /> : null}
      </div>
      {letter?.automatic ? (
        <p className="letter-note">Automatic letter, so no agent answers it: {letter.automatic}</p>
      ) : null}
      <div className="m">
        {message.origin ? <span>{message.origin}</span> : null}
        {time ? (
          <time dateTime={time.toISOString()} title={exact(time)}>
            {time.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}
          </time>
        ) : null}
        {letter?.thread_reason && !message.outbound ? <span>Why here: {letter.thread_reason}</span> : null}
        {message.outcome ? <span>{message.outcome}</span> : null}
        {message.trace_path ? (
          <Link to={message.trace_path} title={message.why} aria-label={`Why this answer: ${message.why || "open the trace"}`}>
            why?
          </Link>
        ) : null}
      </div>
    </li>
  );
}

export function MessageLog({ messages, approvals, mayNotDecide, onApprove, onReject, conversation, label }) {
  const box = useRef(null);
  const seen = useRef({ conversation: null, ids: new Set() });
  const atBottom = useRef(true);
  const [missed, setMissed] = useState(0);

  const sameConversation = seen.current.conversation === conversation;
  const arrived = messages.filter((message) => !seen.current.ids.has(message.id));
  const toBottom = (behavior) => box.current?.scrollTo({ top: box.current.scrollHeight, behavior });

  useLayoutEffect(() => {
    if (!sameConversation) {
      atBottom.current = true;
      setMissed(0);
      const found = box.current?.querySelectorAll("[data-found]");
      if (found?.length) found[found.length - 1].scrollIntoView({ block: "center", behavior: "instant" });
      else toBottom("instant");
    } else if (atBottom.current) {
      toBottom("smooth");
    } else if (arrived.length > 0) {
      setMissed((count) => count + arrived.length);
    }
    seen.current = { conversation, ids: new Set(messages.map((message) => message.id)) };
  }, [messages, conversation]);

  useEffect(() => {
    const element = box.current;
    const onScroll = () => {
      atBottom.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      if (atBottom.current) setMissed(0);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => element.removeEventListener("scroll", onScroll);
  }, []);

  let day = "";
  const rows = [];
  for (const message of messages) {
    const time = parseTime(message.at);
    const name = time ? dayName(time) : "";
    if (name && name !== day) {
      day = name;
      rows.push(
        <li className="date" key={`day-${name}`}>
          {name}
        </li>,
      );
    }
    rows.push(<Bubble key={message.id} message={message} fresh={sameConversation && arrived.includes(message)} />);
  }
  return (
    <div className="log-frame">
      <div ref={box} className="log" tabIndex={0} role="log" aria-live="polite" aria-label={label}>
        <ul style={{ display: "contents" }}>
          {rows}
          {approvals.map((approval) => (
            <ApprovalItem
              key={approval.id}
              approval={approval}
              mayNot={mayNotDecide}
              onApprove={onApprove}
              onReject={onReject}
            />
          ))}
        </ul>
      </div>
      {missed > 0 ? (
        <button type="button" className="btn jump" onClick={() => toBottom("smooth")}>
          {missed} new ↓
        </button>
      ) : null}
    </div>
  );
}
