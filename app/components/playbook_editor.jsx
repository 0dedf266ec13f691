// Questions and answers an agent knows by heart. Typing stays in the browser and is kept there until it is saved;
// one event leaves when "Save playbook" is pressed.
import { useEffect, useRef, useState } from "react";

let counter = 0;
const draftOf = (entry) => ({ key: entry.id || `new-${++counter}`, question: entry.question, answer: entry.answer });
const same = (drafts, entries) =>
  drafts.length === entries.length &&
  drafts.every((draft, i) => draft.question === entries[i].question && draft.answer === entries[i].answer);

function stored(place) {
  try {
    const found = JSON.parse(sessionStorage.getItem(place) ?? "null");
    return Array.isArray(found) ? found.map(draftOf) : null;
  } catch (unreadable) {
    return null;
  }
}

export function PlaybookEditor({ agent, entries, revision, problem, saving, readOnly, reason, onSave }) {
  const place = `playbook-draft-${agent}`;
  const [drafts, setDrafts] = useState(() => entries.map(draftOf));
  const [restored, setRestored] = useState(false);
  const list = useRef(null);
  const changed = !same(drafts, entries);

  // A new revision means: loaded, or saved. What was typed and not saved wins over what was loaded.
  useEffect(() => {
    const kept = stored(place);
    setDrafts(kept ?? entries.map(draftOf));
    setRestored(kept !== null);
  }, [agent, revision]);

  const change = (next) => {
    setDrafts(next);
    try {
      if (same(next, entries)) sessionStorage.removeItem(place);
      else sessionStorage.setItem(place, JSON.stringify(next));
    } catch (full) {
      // Without storage the drafts live as long as the page.
    }
  };
  const edit = (index, part) => change(drafts.map((draft, i) => (i === index ? { ...draft, ...part } : draft)));
  const focusOn = (key, control) =>
    requestAnimationFrame(() => list.current?.querySelector(`[data-entry="${key}"] ${control}`)?.focus());
  const move = (index, by) => {
    const next = [...drafts];
    const [moved] = next.splice(index, 1);
    next.splice(index + by, 0, moved);
    change(next);
    focusOn(moved.key, by < 0 ? "[data-up]" : "[data-down]");
  };
  const add = () => {
    const draft = draftOf({ question: "", answer: "" });
    change([...drafts, draft]);
    focusOn(draft.key, "textarea");
  };
  const save = () => {
    try {
      sessionStorage.removeItem(place);
    } catch (blocked) {
      // Nothing was stored then.
    }
    onSave(drafts.map(({ question, answer }) => ({ question, answer })));
  };
  useEffect(() => {
    // The server refused: keep what was typed.
    if (problem.message && changed) change(drafts);
    if (problem.index >= 0 && drafts[problem.index]) focusOn(drafts[problem.index].key, `[name=${problem.field}]`);
  }, [problem]);

  const part = (draft, index, name, label, placeholder) => {
    const id = `${name}-${draft.key}`;
    const wrong = problem.index === index && problem.field === name;
    return (
      <div className="field">
        <label htmlFor={id}>
          {label} {index + 1}
        </label>
        <textarea
          id={id}
          name={name}
          className="input"
          rows={name === "question" ? 1 : 3}
          style={name === "question" ? { minHeight: 40 } : undefined}
          value={draft[name]}
          placeholder={placeholder}
          disabled={readOnly}
          aria-invalid={wrong || undefined}
          aria-describedby={wrong ? `${id}-error` : undefined}
          onChange={(event) => edit(index, { [name]: event.target.value })}
        />
        {wrong ? (
          <span id={`${id}-error`} className="error">
            {problem.message}
          </span>
        ) : null}
      </div>
    );
  };

  return (
    <div className="playbook">
      {restored ? (
        <p role="status" className="banner soon" style={{ margin: 0 }}>
          <span>These are your unsaved changes from before. Save them, or discard them.</span>
        </p>
      ) : null}
      <ol ref={list} className="playbook" aria-label="Playbook entries">
        {drafts.map((draft, index) => (
          <li className="entry" key={draft.key} data-entry={draft.key}>
            <div className="entry-head">
              <b>Entry {index + 1}</b>
              <span className="grow" />
              <button type="button" data-up className="btn quiet icon" aria-label={`Move entry ${index + 1} up`}
                disabled={readOnly || index === 0} onClick={() => move(index, -1)}>
                ↑
              </button>
              <button type="button" data-down className="btn quiet icon" aria-label={`Move entry ${index + 1} down`}
                disabled={readOnly || index === drafts.length - 1} onClick={() => move(index, 1)}>
                ↓
              </button>
              <button type="button" className="btn quiet danger small" aria-label={`Remove entry ${index + 1}`}
                disabled={readOnly} onClick={() => change(drafts.filter((_, i) => i !== index))}>
                Remove
              </button>
            </div>
            {part(draft, index, "question", "Question", "When do payouts go out?")}
            {part(draft, index, "answer", "Answer", "Every Friday before noon.")}
          </li>
        ))}
      </ol>
      {drafts.length === 0 ? (
        <div className="nothing">
          <h3>No entries yet</h3>
          <p>Add a question people ask, and the answer. Without a model, the agent answers from these entries alone.</p>
        </div>
      ) : null}
      {problem.message && problem.index < 0 ? (
        <p role="alert" className="error-text">
          {problem.message}
        </p>
      ) : null}
      <div className="save-bar">
        <button type="button" className="btn" disabled={readOnly} onClick={add} title={reason || undefined}>
          Add entry
        </button>
        <button type="button" className="btn primary" disabled={readOnly || saving || !changed} onClick={save}
          title={reason || undefined}>
          {saving ? "Saving…" : "Save playbook"}
        </button>
        {changed && !readOnly ? (
          <button type="button" className="btn quiet" onClick={() => { change(entries.map(draftOf)); setRestored(false); }}>
            Discard changes
          </button>
        ) : null}
        <span role="status" className="muted">
          {reason || (changed ? "Unsaved changes" : "Saved")}
        </span>
      </div>
    </div>
  );
}
