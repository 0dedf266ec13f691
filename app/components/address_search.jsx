// A search box whose text stands in the address. Typing moves the address a moment later; if the address moves for
// another reason before that, as when filters are cleared, what was being typed is off. A search that begins is a step
// in the browser's history, its refinement is none: Back leaves the search.
import { useEffect, useRef, useState } from "react";
import { useLocation, useNavigate, useNavigationType } from "react-router";

const REST = 300;

export function AddressSearch({ name, label, placeholder, drops }) {
  const location = useLocation();
  const navigate = useNavigate();
  const movement = useNavigationType();
  const inAddress = new URLSearchParams(location.search).get(name) ?? "";
  const [text, setText] = useState(inAddress);
  const timer = useRef(0);
  const box = useRef(null);
  useEffect(() => {
    if (location.state?.typed === name && movement !== "POP") return;
    clearTimeout(timer.current);
    setText(inAddress);
  }, [location.key]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const search = (value) => {
    clearTimeout(timer.current);
    const query = new URLSearchParams(window.location.search);
    const before = query.get(name) ?? "";
    if (value.trim() === before) return;
    for (const dropped of [name, ...drops]) query.delete(dropped);
    if (value.trim()) query.set(name, value.trim());
    navigate({ search: query.toString() }, { replace: before !== "", state: { typed: name } });
  };
  const clear = () => {
    setText("");
    search("");
    box.current?.focus();
  };
  return (
    <span className="search-box">
      <input
        ref={box}
        type="search"
        className="input"
        aria-label={label}
        placeholder={placeholder}
        autoComplete="off"
        maxLength={200}
        value={text}
        onChange={(event) => {
          const { value } = event.target;
          setText(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => search(value), REST);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") search(text);
          if (event.key === "Escape" && text) {
            event.preventDefault();
            clear();
          }
        }}
      />
      {text ? (
        <button type="button" aria-label={`Clear: ${label}`} title="Clear (Esc)" onClick={clear}>
          ✕
        </button>
      ) : null}
    </span>
  );
}
