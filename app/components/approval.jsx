// An action that an agent asks for, with a person's decision and a note. What the server said last counts: after a
// decision the item goes away with the next reading.
import { useEffect, useId, useState } from "react";

import { TimeAgo } from "./time_ago.jsx";

const PATIENCE_MS = 6000;

export function ApprovalItem({ approval, mayNot, onApprove, onReject }) {
  const id = useId();
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!busy) return undefined;
    const timer = setTimeout(() => setBusy(false), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [busy]);
  const decide = (act) => {
    if (busy || mayNot) return;
    setBusy(true);
    act(approval.id, note);
  };
  const off = Boolean(mayNot) || busy;
  return (
    <li className="approval" aria-labelledby={`${id}-title`}>
      <h3 id={`${id}-title`}>
        {approval.agent} asks for approval: {approval.label}
      </h3>
      <p>{approval.description}</p>
      <p className="muted">
        {approval.service} · <TimeAgo at={approval.at} />
      </p>
      <label htmlFor={`${id}-note`}>Note (optional; the contact does not see it)</label>
      <input id={`${id}-note`} className="input" maxLength={500} value={note} disabled={Boolean(mayNot)}
        onChange={(event) => setNote(event.target.value)} />
      <div className="actions">
        <button type="button" className="btn primary" disabled={off} title={mayNot || undefined} onClick={() => decide(onApprove)}>
          Approve
        </button>
        <button type="button" className="btn" disabled={off} title={mayNot || undefined} onClick={() => decide(onReject)}>
          Reject
        </button>
        {mayNot ? <span className="muted">{mayNot}</span> : null}
      </div>
    </li>
  );
}
