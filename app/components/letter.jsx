// What an e-mail has beside its new text: subject, who wrote to whom, the quote and the original when asked for, files.
// Long texts are fetched when they are opened; the original is shown in a frame that runs nothing.
import { useState } from "react";

async function fetchParts(path) {
  const answer = await fetch(path, { credentials: "same-origin", headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || "The server refused this without saying why. Try again.");
  return body;
}

function useParts(path) {
  const [parts, setParts] = useState(null);
  const [problem, setProblem] = useState("");
  const load = async () => {
    if (parts) return;
    setProblem("");
    try {
      setParts(await fetchParts(path));
    } catch (refused) {
      setProblem(refused instanceof TypeError ? "The server could not be reached. Try again." : refused.message);
    }
  };
  return { parts, problem, load };
}

function Quote({ parts, problem }) {
  if (problem) return <p className="error-text" role="alert">{problem}</p>;
  if (!parts) return <p className="muted" role="status">Loading…</p>;
  return <blockquote className="quoted">{parts.quoted || "Nothing is quoted."}</blockquote>;
}

function Original({ letter, parts }) {
  const [images, setImages] = useState(false);
  const blocked = parts?.blocked_images ?? 0;
  return (
    <div className="original">
      {blocked > 0 && !images ? (
        <p className="muted">
          {blocked === 1 ? "1 picture from elsewhere is" : `${blocked} pictures from elsewhere are`} not loaded: the sender
          would learn that this was read.{" "}
          <button type="button" className="btn small" onClick={() => setImages(true)}>
            Load pictures
          </button>
        </p>
      ) : null}
      <iframe
        key={String(images)}
        title={`Original of “${letter.subject}”`}
        src={`${letter.document_path}${images ? "?images=1" : ""}`}
        sandbox="allow-popups allow-popups-to-escape-sandbox"
        referrerPolicy="no-referrer"
        loading="lazy"
      />
    </div>
  );
}

export function LetterHead({ letter }) {
  return (
    <header className="letter-head">
      <b>{letter.subject}</b>
      <dl>
        <dt>From</dt>
        <dd>{letter.sender}</dd>
        <dt>To</dt>
        <dd>{letter.to}</dd>
        {letter.cc ? (
          <>
            <dt>Cc</dt>
            <dd>{letter.cc}</dd>
          </>
        ) : null}
      </dl>
    </header>
  );
}

export function LetterBody({ letter, id }) {
  const [open, setOpen] = useState({ quote: false, original: false });
  const { parts, problem, load } = useParts(letter.parts_path);
  const toggle = (part) => {
    if (!open[part]) load();
    setOpen({ ...open, [part]: !open[part] });
  };
  const opener = (part, show, hide) => (
    <button type="button" className="btn small" aria-expanded={open[part]} aria-controls={`${part}-${id}`} onClick={() => toggle(part)}>
      {open[part] ? hide : show}
    </button>
  );
  return (
    <>
      {letter.has_quote || letter.document_path ? (
        <div className="letter-tools">
          {letter.has_quote ? opener("quote", "Show quoted text", "Hide quoted text") : null}
          {letter.document_path ? opener("original", "Show original", "Hide original") : null}
        </div>
      ) : null}
      <div id={`quote-${id}`} hidden={!open.quote}>
        {open.quote ? <Quote parts={parts} problem={problem} /> : null}
      </div>
      <div id={`original-${id}`} hidden={!open.original}>
        {open.original ? <Original letter={letter} parts={parts} /> : null}
      </div>
      {letter.files.length > 0 ? (
        <ul className="files" aria-label="Attachments">
          {letter.files.map((file) => (
            <li key={file.id}>
              {file.path ? (
                <a href={file.path} download={file.name} className="link">
                  {file.name}
                </a>
              ) : (
                <span>{file.name}</span>
              )}{" "}
              <span className="muted">{file.left_out ? `${file.size} · not kept: ${file.left_out}` : file.size}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}
