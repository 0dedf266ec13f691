// Stands above a list and says whether one has scrolled past it: what arrives may push the list down only if not.
import { useEffect, useRef } from "react";

export function TopMark({ onPass }) {
  const mark = useRef(null);
  const tell = useRef(onPass);
  tell.current = onPass;
  useEffect(() => {
    let told = null;
    const watcher = new IntersectionObserver(([entry]) => {
      const isPast = !entry.isIntersecting && entry.boundingClientRect.top < 0;
      if (isPast === told) return;
      told = isPast;
      if (tell.current) tell.current(isPast);
    });
    watcher.observe(mark.current);
    return () => watcher.disconnect();
  }, []);
  return <div ref={mark} aria-hidden="true" style={{ height: "1px" }} />;
}
