// The form for a provider's keys. It is drawn from the manifest's field schema and posts straight to the server over
// HTTP: what is typed here never becomes page state and never travels in a live-update frame.
import { useId, useRef, useState } from "react";

export function ConnectForm({ action, method = "POST", payload, fields, submitLabel, onDone }) {
  const form = useRef(null);
  const prefix = useId();
  const [problem, setProblem] = useState({ field: "", message: "" });
  const [busy, setBusy] = useState(false);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const values = Object.fromEntries(fields.map((field) => [field.name, form.current.elements[field.name].value]));
    const missing = fields.find((field) => field.required && !values[field.name].trim());
    if (missing) {
      setProblem({ field: missing.name, message: `${missing.label} is missing.` });
      form.current.elements[missing.name].focus();
      return;
    }
    setBusy(true);
    setProblem({ field: "", message: "" });
    try {
      const answer = await fetch(action, {
        method,
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ ...payload, values }),
      });
      const body = await answer.json().catch(() => ({}));
      if (answer.ok) {
        form.current.reset();
        onDone(String(body.id ?? ""));
        return;
      }
      if (answer.status === 401) {
        window.location.assign("/login");
        return;
      }
      const message = body.detail || "The server refused this without saying why. Try again.";
      setProblem({ field: body.field ?? "", message });
      form.current.elements[body.field]?.focus();
    } catch (offline) {
      setProblem({ field: "", message: "The server could not be reached. Check your connection and try again." });
    } finally {
      setBusy(false);
    }
  };

  const known = fields.some((field) => field.name === problem.field);
  return (
    <form ref={form} className="form" onSubmit={submit} noValidate autoComplete="off">
      {problem.message && !known ? (
        <p role="alert" className="banner broken" style={{ margin: 0, color: "var(--broken)" }}>
          {problem.message}
        </p>
      ) : null}
      {fields.map((field) => {
        const id = `${prefix}-${field.name}`;
        const wrong = problem.field === field.name;
        return (
          <div className="field" key={field.name}>
            <label htmlFor={id}>
              {field.label}
              {field.required ? "" : " (optional)"}
            </label>
            <input
              id={id}
              name={field.name}
              className="input mono"
              type={field.secret ? "password" : "text"}
              placeholder={field.placeholder}
              autoComplete={field.secret ? "new-password" : "off"}
              spellCheck={false}
              autoCapitalize="off"
              maxLength={4096}
              aria-invalid={wrong || undefined}
              aria-describedby={`${id}-help${wrong ? ` ${id}-error` : ""}`}
            />
            <span id={`${id}-help`} className="help">
              {field.help}
            </span>
            {wrong ? (
              <span id={`${id}-error`} className="error" role="alert">
                {problem.message}
              </span>
            ) : null}
          </div>
        );
      })}
      <div className="actions">
        <button type="submit" className="btn primary" aria-disabled={busy || undefined}>
          {busy ? "Checking with the provider…" : submitLabel}
        </button>
      </div>
    </form>
  );
}
