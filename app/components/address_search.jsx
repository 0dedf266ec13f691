// A search box whose text stands in the address. Typing moves the address a moment later; if the address moves for
// another reason before that, as when filters are cleared, what was being typed is off.
import { useEffect, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";

const REST = 300;

export function AddressSearch({ name, label, placeholder, drops }) {
  const location = useLocation();
  const navigate = useNavigate();
  const inAddress = new URLSearchParams(location.search).get(name) ?? "";
  const [text, setText] = useState(inAddress);
  const timer = useRef(0);
  useEffect(() => {
    if (location.state?.typed === name) return;
    clearTimeout(timer.current);
    setText(inAddress);
  }, [location.key]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const search = (value) => {
    const query = new URLSearchParams(window.location.search);
    for (const dropped of [name, ...drops]) query.delete(dropped);
    if (value.trim()) query.set(name, value.trim());
    navigate({ search: query.toString() }, { replace: true, state: { typed: name } });
  };
  return (
    <input
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
    />
  );
}
