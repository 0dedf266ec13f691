// The browser's own dialog, opened and closed by the page's state: it keeps and returns the focus, and Esc closes it.
import { useEffect, useId, useRef } from "react";

const FIRST = ".body input:not([readonly]), .body textarea, .body select, .body .tail button";

export function Modal({ open, heading, onDismiss, children, className = "" }) {
  const dialog = useRef(null);
  const label = useId();
  useEffect(() => {
    const element = dialog.current;
    if (open && !element.open) {
      element.showModal();
      // The first thing to fill in, or the first, harmless button: never the "Close" in the corner.
      element.querySelector(FIRST)?.focus();
    }
    if (!open && element.open) element.close();
  }, [open]);
  const dismiss = () => onDismiss && onDismiss();
  return (
    <dialog
      ref={dialog}
      className={`modal ${className}`}
      aria-labelledby={label}
      onCancel={(event) => {
        // The state decides, so that the dialog and the server never disagree.
        if (event.target !== dialog.current) return;
        event.preventDefault();
        dismiss();
      }}
    >
      <div className="head">
        <h2 id={label}>{heading}</h2>
        <button type="button" className="btn quiet small" aria-label="Close" onClick={dismiss}>
          ✕
        </button>
      </div>
      {open ? <div className="body">{children}</div> : null}
    </dialog>
  );
}
