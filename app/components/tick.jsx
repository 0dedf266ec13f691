// Asks the server again now and then, while it is shown and somebody looks at the page.
import { useEffect, useRef } from "react";

export function Tick({ every, onTick }) {
  const ask = useRef(onTick);
  ask.current = onTick;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden && ask.current) ask.current();
    }, every);
    return () => clearInterval(timer);
  }, [every]);
  return null;
}
