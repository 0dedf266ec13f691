// A value to paste somewhere else: read-only, with a button that copies it and says so.
import { useId, useState } from "react";

export function CopyField({ label, value, help, multiline = false }) {
  const id = useId();
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setSaid("Copied");
    } catch (refused) {
      document.getElementById(id)?.select();
      setSaid("Press Ctrl+C to copy");
    }
    setTimeout(() => setSaid(""), 2500);
  };
  const shown = { id, readOnly: true, value, onFocus: (event) => event.target.select() };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="copy">
        {multiline ? <textarea {...shown} className="input" rows={10} /> : <input {...shown} className="input" />}
        <button type="button" className="btn" aria-label={`Copy: ${label}`} onClick={copy}>
          {said === "Copied" ? "Copied" : "Copy"}
        </button>
      </div>
      {help ? <p className="help">{help}</p> : null}
      <span role="status" className="sr-only">
        {said}
      </span>
    </div>
  );
}
