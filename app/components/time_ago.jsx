// A time that stays true: relative in words, exact on hover, in the viewer's zone. One timer serves all of them.
import { useEffect, useState } from "react";

const listeners = new Set();
let timer = null;

function everyTick(listener) {
  listeners.add(listener);
  timer ??= setInterval(() => listeners.forEach((each) => each(Date.now())), 15_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = null;
    }
  };
}

export function parseTime(value) {
  // The server writes "2026-11-20 11:00:00+00:00"; Safari reads it only with a "T".
  const time = new Date(String(value ?? "").replace(" ", "T"));
  return Number.isNaN(time.getTime()) ? null : time;
}

function sentence(time, now) {
  const seconds = Math.round((now - time.getTime()) / 1000);
  if (seconds < -45) return exact(time);
  if (seconds < 45) return "now";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  const days = Math.round(hours / 24);
  if (days < 7) return days === 1 ? "yesterday" : `${days} days ago`;
  return time.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

export function exact(time) {
  return time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function TimeAgo({ at, mode = "ago", className }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => everyTick(setNow), []);
  const time = parseTime(at);
  if (time === null) return null;
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
  const text =
    mode === "date"
      ? time.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" })
      : mode === "clock"
        ? time.toLocaleTimeString(undefined, clock)
        : sentence(time, now);
  return (
    <time dateTime={time.toISOString()} title={exact(time)} className={className} suppressHydrationWarning>
      {text}
    </time>
  );
}
